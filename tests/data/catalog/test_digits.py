import numpy as np
import pytest

from tailtune.data.catalog import open_named
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def test_digits_are_grey_pixels_on_the_whole_range_and_may_not_be_flipped():
    data = open_named("digits", Run("digits"))
    pixels = data.train.inputs[0]
    assert pixels.shape[1:] == (1, 8, 8)
    assert (int(pixels.min()), int(pixels.max())) == (0, 255)
    assert data.flip is False
    assert data.names == tuple("0123456789")
    assert data.headline is None  # the split is our own: no published result stands beside it


def test_the_test_part_is_balanced_and_the_same_at_every_ratio_and_seed():
    runs = [Run("digits"), Run("digits", ratio=0.01, seed=3, split_seed=4), Run("digits", ratio=0.1, selection="last")]
    datasets = [open_named("digits", run) for run in runs]
    assert np.bincount(datasets[0].test.targets).tolist() == [54] * 10
    for data in datasets[1:]:
        assert data.test.ids.tolist() == datasets[0].test.ids.tolist()
    for data in datasets:
        parts = [part.ids.tolist() for part in (data.train, data.val, data.test) if part is not None]
        assert len(set().union(*parts)) == sum(map(len, parts))


def test_a_ratio_makes_the_training_part_long_tailed():
    data = open_named("digits", Run("digits", ratio=0.01, selection="last"))
    assert data.profile.counts == (110, 65, 39, 23, 14, 8, 5, 3, 1, 1)
    assert data.val is None
    with_val = open_named("digits", Run("digits", ratio=0.01))
    assert len(with_val.train) + len(with_val.val) == len(data.train)


def test_the_seed_of_the_split_decides_which_rows_a_ratio_keeps():
    kept = [open_named("digits", Run("digits", ratio=0.1, selection="last", split_seed=seed)) for seed in (0, 1, 1)]
    assert kept[0].profile.counts == kept[1].profile.counts
    assert kept[0].split_hash != kept[1].split_hash == kept[2].split_hash


def test_a_ratio_out_of_range_is_refused():
    with pytest.raises(TailtuneError, match="0 < ratio <= 1"):
        open_named("digits", Run("digits", ratio=100))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(TailtuneError, match=r"no dataset 'cifar1o'.*Did you mean 'cifar10"):
        open_named("cifar1o", Run("cifar1o"))

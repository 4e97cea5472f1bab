"""Groups are drawn whole: an interval is as wide as that of the distinct rows, whatever stands there several times."""

from __future__ import annotations

import numpy as np
import pytest

from tailtune.errors import TailtuneError
from tailtune.evaluation.bootstrap import class_means, intervals, paired_difference, with_intervals
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.measures.accuracy import accuracy
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.evaluation.resampling import Resampling
from tailtune.profile import ClassProfile

PROFILE = ClassProfile((200, 90, 40))
COPIES = 5


def made(support: tuple[int, ...] = (80, 40, 20), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(support)), support))
    logits = rng.normal(size=(len(y), len(support)))
    logits[np.arange(len(y)), y] += 1.0
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True)


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_copies_in_groups_are_as_sure_as_the_distinct_rows_and_not_root_5_surer() -> None:
    y, p = made()
    groups = np.repeat(np.arange(len(y)), COPIES)
    copies = np.repeat(y, COPIES), np.repeat(p, COPIES, axis=0)
    distinct = intervals(y, p, PROFILE, resamples=1000)
    grouped = intervals(*copies, PROFILE, resamples=1000, seed=1, groups=groups)
    alone = intervals(*copies, PROFILE, resamples=1000, seed=1)
    assert grouped.keys() == distinct.keys() == {m.key for m in with_intervals() if m.applies(PROFILE)}
    for key in distinct:
        assert width(grouped[key]) == pytest.approx(width(distinct[key]), rel=0.15)
        assert np.mean(grouped[key]) == pytest.approx(np.mean(distinct[key]), abs=0.15 * width(distinct[key]))
        assert width(alone[key]) == pytest.approx(width(distinct[key]) / np.sqrt(COPIES), rel=0.3)


def test_differences_of_copies_in_groups_are_as_sure_as_those_of_the_distinct_rows() -> None:
    (y, a), (_, b) = made(seed=0), made(seed=1)
    b = np.where(np.arange(len(y))[:, None] % 2, a, b)
    groups = np.repeat(np.arange(len(y)), COPIES)
    distinct = paired_difference(y, a, b, PROFILE, resamples=1000)
    twice = (np.repeat(each, COPIES, axis=0) for each in (y, a, b))
    grouped = paired_difference(*twice, PROFILE, resamples=1000, seed=1, groups=groups)
    for key, found in distinct.items():
        assert grouped[key].difference == pytest.approx(found.difference, abs=1e-5)
        assert width(grouped[key].interval) == pytest.approx(width(found.interval), rel=0.15)


def test_groups_of_one_row_are_the_rows() -> None:
    y, p = made()
    alone, grouped = intervals(y, p, PROFILE), intervals(y, p, PROFILE, seed=2, groups=np.arange(len(y)))
    for key, interval in alone.items():
        assert width(grouped[key]) == pytest.approx(width(interval), rel=0.15)


def test_intervals_of_groups_hold_the_truth_about_as_often_as_they_say() -> None:
    """40 patients of 4 rows each, all right or all wrong but for a few."""
    rng = np.random.default_rng(0)
    groups, held, held_alone = np.repeat(np.arange(40), 4), 0, 0
    y = np.repeat(np.arange(40) % 2, 4)
    for trial in range(200):
        easy = np.repeat(rng.random(40) < 0.7, 4)
        right = np.where(rng.random(160) < 0.1, ~easy, easy)  # 0.7 * 0.9 + 0.3 * 0.1 = 0.66
        p = np.eye(2)[np.where(right, y, 1 - y)]
        profile = ClassProfile((100, 90))
        low, high = intervals(y, p, profile, [accuracy], 200, trial, groups=groups)["accuracy"]
        held += low <= 0.66 <= high
        low, high = intervals(y, p, profile, [accuracy], 200, trial)["accuracy"]
        held_alone += low <= 0.66 <= high
    assert 0.89 <= held / 200 <= 0.99
    assert held_alone / 200 < 0.85


def test_groups_of_several_classes_keep_the_class_sizes_and_the_rarest_class() -> None:
    rng = np.random.default_rng(3)
    y = np.sort(rng.choice(3, 300, p=[0.8, 0.17, 0.03]))
    groups = rng.integers(0, 60, 300)
    weights = rng.uniform(0.5, 2, 300)
    for w in (None, weights):
        resampling = Resampling.of(y, 3, 100, groups=groups, weights=w)
        base = np.ones(300) if w is None else w
        for block, times in resampling.blocks():
            np.testing.assert_allclose(
                np.add.reduceat(block, np.searchsorted(y, [0, 1, 2]), axis=0),
                np.repeat(np.bincount(y, base)[:, None], block.shape[1], axis=1),
                rtol=1e-4,
            )
            assert (times[y == 2].sum(axis=0) > 0).all()
            for group in np.unique(groups):
                assert (np.ptp(times[groups == group], axis=0) == 0).all()


def test_class_means_of_groups() -> None:
    y = np.repeat([0, 1], [20, 10])
    columns = np.repeat(np.random.default_rng(0).normal(size=10), 3)[:, None]
    first, *others = class_means(Resampling.of(y, 2, 4000, groups=np.arange(30) // 3), columns)
    np.testing.assert_allclose(first[0, :, 0], [columns[:20].mean(), columns[20:].mean()], rtol=1e-5)
    alone = np.concatenate(list(class_means(Resampling.of(y, 2, 4000), columns))[1:])
    assert np.concatenate(others)[:, 1, 0].std() > 1.3 * alone[:, 1, 0].std()


def test_a_measure_without_a_form_of_its_own_repeats_whole_groups() -> None:
    y, p = made((24, 12, 9))
    groups = np.repeat(np.arange(15), 3)[np.argsort(np.argsort(y, kind="stable"), kind="stable")]
    slow = Measure(**{**vars(balanced_accuracy), "key": "slow", "resampled": None})
    found = intervals(y, p, PROFILE, [balanced_accuracy, slow], 60, groups=groups)
    assert found["slow"] == pytest.approx(found["balanced_accuracy"], abs=1e-6)


def test_groups_of_another_length_are_refused() -> None:
    y, p = made()
    with pytest.raises(TailtuneError, match="140 rows need 140 groups"):
        intervals(y, p, PROFILE, groups=np.arange(5))


def test_the_figure_lies_within_its_interval_with_weights_and_groups() -> None:
    y, p = made()
    rng = np.random.default_rng(5)
    weights, groups = rng.uniform(0.1, 3, len(y)), rng.integers(0, 50, len(y))
    from tailtune.evaluation.metrics import summarise

    metrics = summarise(y, p, PROFILE, weights=weights).metrics
    found = intervals(y, p, PROFILE, MEASURES, 300, groups=groups, weights=weights)
    for key, (low, high) in found.items():
        value = metrics[key]
        assert value is not None
        assert low - 1e-6 <= value <= high + 1e-6

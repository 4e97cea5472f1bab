from __future__ import annotations

import numpy as np

from tailtune.data.catalog import open_named
from tailtune.data.long_tailed import takes_ratio
from tailtune.data.open import open_dataset
from tailtune.settings import Reading

DIGITS = "tailtune.paper.held_out:digits"


def test_rows_that_score_are_training_rows_that_no_ratio_trains_on() -> None:
    official = open_named("digits", Reading("digits", selection="last"))
    assert takes_ratio(DIGITS)
    for ratio in (0.05, 1.0):
        made = open_dataset(Reading(DIGITS, ratio=ratio, selection="last"))
        assert np.bincount(made.test.targets.numpy()).tolist() == [20] * 10
        assert set(made.test.ids) <= set(official.train.ids)
        assert not set(made.test.ids) & set(made.train.ids)
        assert set(made.train.ids) <= set(official.train.ids)
        assert not set(official.test.ids) & (set(made.train.ids) | set(made.test.ids))
        assert made.val is None
        counts = np.bincount(made.train.targets.numpy())
        assert counts[-1] / counts[0] <= ratio


def test_the_splits_seed_draws_other_rows() -> None:
    one, other = (open_dataset(Reading(DIGITS, ratio=0.1, selection="last", split_seed=seed)) for seed in (0, 1))
    assert set(one.test.ids) != set(other.test.ids)
    assert len(one.train) == len(other.train)

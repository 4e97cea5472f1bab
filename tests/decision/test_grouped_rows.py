"""Folds hold groups whole, and copies of a row tell no more than the row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.blend import blend
from tailtune.decision.calibrate import calibrate, importance
from tailtune.decision.grouped_rows import standard_error, unit_folds, units_of
from tailtune.decision.recalibration import unfitted
from tailtune.profile import ClassProfile


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), st.integers(2, 5))
def test_no_group_is_in_two_folds(drawn: list[tuple[int, int]], count: int) -> None:
    targets = np.array([y for y, _ in drawn])
    units = units_of(len(targets), np.array([str(group) for _, group in drawn]))
    fold = unit_folds(targets, units, count, seed=0)
    assert all(len(set(fold[units == unit])) == 1 for unit in set(units))
    assert set(fold) == set(range(min(count, len(set(units)))))


def test_classes_are_spread_evenly_over_folds_of_groups() -> None:
    targets = np.repeat([0, 1], [80, 20])
    fold = unit_folds(targets, np.arange(100) // 2, 5, seed=3)
    for number in range(5):
        assert np.bincount(targets[fold == number]).tolist() == [16, 4]


def test_the_standard_error_of_copies_is_that_of_the_distinct_rows() -> None:
    values = np.random.default_rng(0).normal(size=50)
    alone = standard_error(values, np.arange(50))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(50))
    assert standard_error(np.repeat(values, 5), np.repeat(np.arange(50), 5)) == pytest.approx(alone)


def scores(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.choice(2, rows, p=[0.7, 0.3])
    logits = np.stack([np.zeros(rows), rng.normal(size=rows) + 1.5 * (2 * y - 1)], axis=1)
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), y


def test_what_copies_of_few_rows_seem_to_show_is_not_believed() -> None:
    """A gain that a hundred rows would show is noise on twenty, however often these stand there."""
    start, believed = unfitted(np.array([0.7, 0.3]), ClassProfile((70, 30))), [0, 0]
    for seed in range(20):
        p, y = scores(24, seed)
        groups = np.repeat(np.arange(24), 10).astype(str)
        copies = np.repeat(p, 10, axis=0), np.repeat(y, 10)
        believed[0] += calibrate(start, *copies).form in ("bias", "vector")
        believed[1] += calibrate(start, *copies, groups=groups).form in ("bias", "vector")
    assert believed[1] < believed[0] / 2


def test_whole_weights_are_rows_that_stand_there_so_often() -> None:
    p, y = scores(300)
    weights = np.random.default_rng(1).integers(1, 4, 300)
    start = unfitted(np.array([0.7, 0.3]), ClassProfile((70, 30)))
    weighed = calibrate(start, p, y, weights=weights.astype(float)).recalibration(p)
    repeated = calibrate(start, np.repeat(p, weights, axis=0), np.repeat(y, weights)).recalibration(p)
    np.testing.assert_allclose(weighed, repeated, atol=0.03)
    own = importance(y, np.array([0.5, 0.5]), weights.astype(float))
    assert own[y == 0].sum() == pytest.approx(own[y == 1].sum())
    np.testing.assert_allclose(own[y == 0] / weights[y == 0], (own[y == 0] / weights[y == 0])[0])


def test_models_are_blended_by_groups() -> None:
    """The better of two models on the distinct rows; copies in groups move no more than the rows do."""
    (a, y), (b, _) = scores(60, 3), scores(60, 4)
    groups = np.repeat(np.arange(60), 8).astype(str)
    copies = [np.repeat(each, 8, axis=0) for each in (a, b)]
    alone, grouped = blend([a, b], y), blend(copies, np.repeat(y, 8), groups=groups)
    assert alone.error is not None
    assert grouped.error == pytest.approx(alone.error, rel=0.25)


def test_of_one_group_nothing_is_fitted() -> None:
    """No row can be left out to judge by, so probabilities and weights stay as they are."""
    p, y = scores(60, 5)
    groups = np.full(60, "all")
    start = unfitted(np.array([0.7, 0.3]), ClassProfile((70, 30)))
    found = calibrate(start, p, y, groups=groups)
    assert found.form == "none"
    np.testing.assert_array_equal(found.recalibration(p), start(p))
    assert blend([p, scores(60, 6)[0]], y, groups=groups).weights.tolist() == [0.5, 0.5]

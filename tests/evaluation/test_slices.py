"""Slices of constructed rows, of which it is known where the model is worse."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tailtune.evaluation.bootstrap import intervals
from tailtune.evaluation.levels import levels_of
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.scored import Scored, scored
from tailtune.evaluation.slices import ENOUGH, sliced
from tailtune.profile import ClassProfile

PROFILE = ClassProfile((800, 200), ("no", "yes"))


def rows(n: int, seed: int, weak: np.ndarray | None = None) -> Scored:
    """Rows whose rare class is found, but for those that are `weak`, where it is found half as surely."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(np.int64)
    strength = np.where(np.zeros(n, dtype=bool) if weak is None else weak, 0.3, 2.0)
    p = 1 / (1 + np.exp(-(rng.normal(size=n) + np.where(y == 1, strength, -1.5))))
    return scored(y, np.stack([1 - p, p], axis=1), PROFILE)


def test_the_figures_of_a_slice_are_those_of_its_rows_alone() -> None:
    sex = np.random.default_rng(1).choice(["f", "m"], 600)
    made = rows(600, 0)
    (found,) = sliced(made, {"sex": levels_of(pl.Series(sex))}, 200)
    for each in found.slices:
        part = made.take(np.flatnonzero(sex == each.label))
        alone = summarise(part.targets, part.probabilities, PROFILE, answers=part.predicted)
        assert each.rows == len(part)
        assert each.support == tuple(part.support)
        assert each.rare == part.support[1]
        assert each.metrics["recall"] == alone.metrics["tail_accuracy"]
        assert each.metrics["precision"] == alone.per_class[1].precision
        for key in ("balanced_accuracy", "auprc", "log_loss"):
            assert each.metrics[key] == alone.metrics[key]
        ends = intervals(part.targets, part.probabilities, PROFILE, resamples=200, answers=part.predicted)
        assert each.intervals["auprc"] == ends["auprc"]


def test_a_slice_that_is_worse_is_named_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    sex, noise = rng.choice(["f", "m"], 3000), rng.normal(size=3000)
    columns = {"sex": levels_of(pl.Series(sex)), "noise": levels_of(pl.Series(noise))}
    by_sex, by_noise = sliced(rows(3000, 3, sex == "f"), columns, 0)
    (contrast,) = by_sex.contrasts
    assert (contrast.label, contrast.share) == ("f", "recall")
    assert contrast.here < contrast.elsewhere
    assert contrast.interval[1] < 0
    assert by_noise.contrasts == ()
    assert by_sex.comparisons == by_noise.comparisons == 2 + 8  # two levels are compared once


def test_copies_of_rows_tell_no_more_than_the_rows() -> None:
    sex = np.random.default_rng(1).choice(["f", "m"], 600)
    weak, five = sex == "f", np.repeat(np.arange(600), 5)
    made = rows(600, 3, weak)
    (found,) = sliced(made, {"sex": levels_of(pl.Series(sex))}, 0)
    (grouped,) = sliced(made.take(five), {"sex": levels_of(pl.Series(sex[five]))}, 0, five.astype(str))
    for alone, copied in zip(found.slices, grouped.slices, strict=True):
        for key in ("recall", "false_alarms", "precision"):
            assert copied.intervals[key] == pytest.approx(alone.intervals[key])
    assert [each.interval for each in grouped.contrasts] == [pytest.approx(each.interval) for each in found.contrasts]
    (naive,) = sliced(made.take(five), {"sex": levels_of(pl.Series(sex[five]))}, 0)
    assert naive.slices[0].intervals["recall"][1] < found.slices[0].intervals["recall"][1]


def test_weights_enter_measures_and_rows_are_counted_once() -> None:
    sex = np.random.default_rng(1).choice(["f", "m"], 600)
    made, weights = rows(600, 0), np.random.default_rng(2).integers(1, 4, 600).astype(float)
    weighed = scored(made.targets, made.probabilities, PROFILE, weights=weights)
    (found,) = sliced(weighed, {"sex": levels_of(pl.Series(sex))}, 0)
    for each in found.slices:
        here = sex == each.label
        assert each.support == tuple(np.bincount(made.targets[here]))
        assert all(isinstance(count, int) for count in each.support)
        of_target = made.probabilities[here, made.targets[here]]
        assert each.metrics["log_loss"] == pytest.approx(np.average(-np.log(of_target), weights=weights[here]))


def test_of_many_slices_alike_one_seems_different_in_at_most_a_twentieth_of_runs() -> None:
    told = 0
    for seed in range(100):
        codes = np.random.default_rng(seed).choice(list("abcdefgh"), 800)
        (found,) = sliced(rows(800, seed), {"code": levels_of(pl.Series(codes))}, 0)
        told += bool(found.contrasts)
    assert told <= 10  # of 100, where 5 are expected at most; 11 or more have a chance of 1 %


def test_few_rows_have_no_figures_and_are_not_compared() -> None:
    made = rows(400, 5)
    labels = np.where(np.arange(400) < 15, "few", "many")
    (found,) = sliced(made, {"site": levels_of(pl.Series(labels))}, 50)
    many, few = found.slices
    assert many.told
    assert few.rare < ENOUGH
    assert not few.told
    assert few.metrics == few.intervals == {}
    assert found.comparisons == 0
    assert found.contrasts == ()


def test_several_rare_classes_count_together() -> None:
    profile = ClassProfile((500, 300, 100, 50, 25, 20, 20, 20, 10, 10))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 500)
    p = rng.dirichlet(np.ones(10), 500)
    (found,) = sliced(scored(y, p, profile), {"a": levels_of(pl.Series(["x"] * 500))}, 20)
    (only,) = found.slices
    rare, alarms = np.isin(y, profile.tail), np.isin(p.argmax(axis=1), profile.tail)
    assert only.metrics["recall"] == pytest.approx(alarms[rare].mean())
    assert only.metrics["false_alarms"] == pytest.approx(alarms[~rare].mean())
    assert only.metrics["precision"] == pytest.approx(rare[alarms].mean())
    assert "tail_auprc" in only.metrics
    assert found.contrasts == ()

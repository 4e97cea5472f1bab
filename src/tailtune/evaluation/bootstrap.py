"""How sure a figure on held-out rows is: stratified bootstrap intervals, paired where two systems are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.scored import Scored, scored
from tailtune.evaluation.weighted import Statistic, Weights
from tailtune.profile import ClassProfile

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """A figure of one system minus that of another, with its 95 % interval."""

    difference: float
    interval: Interval


def with_intervals(measures: Sequence[Measure] = MEASURES) -> list[Measure]:
    """Those of `measures` that results state with an interval: the ones that a run's page shows."""
    return [measure for measure in measures if "page" in measure.places]


def intervals(
    targets: ArrayLike,
    probabilities: ArrayLike,
    profile: ClassProfile,
    measures: Sequence[Measure] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    answers: ArrayLike | None = None,
) -> dict[str, Interval]:
    """95 % intervals of the headline figures: percentiles over resampled rows (Efron and Tibshirani 1993, chapter 13).

    Rows are drawn with replacement within each class, so that no class vanishes and the class sizes stay; the
    interval is therefore about new rows of the same classes in the same numbers. A class of one row shows no spread
    at all: read intervals together with the rows per class. The calibration error of a resample is biased upwards,
    so its distribution is moved to centre on the estimate before the percentiles are taken.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution of the training rows, as for `summarise`.
        measures: whose intervals; by default those of `with_intervals`. What does not apply is passed over.
        resamples: number of bootstrap resamples.
        seed: of the resampling; the same seed gives the same resamples for any system on the same targets.
        answers: class index that each row was given [N]; by default the most probable class.

    Returns:
        The ends by the key of a measure; one that is undefined on these rows or in a resample (no row of a tail
        class, or rows of one class alone for auroc and kappa) is left out.
        No resamples, and what `scored` refuses raise a TailtuneError.
    """
    wanted = _wanted(measures, profile, resamples)
    estimates, values = _resampled([scored(targets, probabilities, profile, answers)], wanted, resamples, seed)
    found = {}
    for measure in wanted:
        if measure.key in values[0]:
            low, high = _percentiles(measure, values[0][measure.key], estimates[0][measure.key])
            found[measure.key] = (max(low, measure.least), min(high, measure.most))
    return found


def paired_difference(
    targets: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    profile: ClassProfile,
    measures: Sequence[Measure] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    answers: tuple[ArrayLike | None, ArrayLike | None] = (None, None),
) -> dict[str, Difference]:
    """Difference a minus b of the headline figures with 95 % intervals, both systems scored on the same resamples.

    The pairing takes out what both find hard, so it can tell apart two systems whose own intervals overlap.

    Args:
        targets: class indices [N].
        a: probabilities of the one system [N, K].
        b: probabilities of the other on the same rows [N, K].
        profile: class distribution of the training rows.
        measures: as for `intervals`.
        resamples: number of bootstrap resamples.
        seed: of the resampling.
        answers: class indices that the one and the other system gave the rows [N]; by default the most probable ones.

    Returns:
        The difference by the key of a measure; those undefined on these rows or in a resample are left out.
        No resamples, and what `scored` refuses raise a TailtuneError.
    """
    wanted = _wanted(measures, profile, resamples)
    both = [scored(targets, p, profile, chosen) for p, chosen in zip((a, b), answers, strict=True)]
    estimates, values = _resampled(both, wanted, resamples, seed)
    found = {}
    for measure in wanted:
        key = measure.key
        if key in values[0] and key in values[1]:
            difference = estimates[0][key] - estimates[1][key]
            found[key] = Difference(difference, _percentiles(measure, values[0][key] - values[1][key], difference))
    return found


def class_means(
    targets: Indices, columns: Floats, num_classes: int, resamples: int = 1000, seed: int = 0
) -> Iterator[Floats]:
    """Means of numbers over the rows of each class, in resamples drawn as those of `intervals` are.

    Args:
        targets: class indices [N].
        columns: numbers of each row [N, C].
        num_classes: K; the means of a class without rows are 0.
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Yields:
        Means [r, K, C]: first those of the rows as they are (r is 1), then those of the resamples, some at a time.
    """
    order = np.argsort(targets, kind="stable")
    support = np.bincount(targets, minlength=num_classes)
    values, starts = columns[order].astype(np.float32), np.cumsum(support) - support
    for weights in chain([np.ones((len(values), 1), dtype=np.float32)], _draw(support, resamples, seed)):
        found = np.zeros((weights.shape[1], num_classes, values.shape[1]))
        for k in np.flatnonzero(support):
            rows = slice(starts[k], starts[k] + support[k])
            found[:, k] = weights[rows].T @ values[rows] / support[k]
        yield found


def _wanted(measures: Sequence[Measure] | None, profile: ClassProfile, resamples: int) -> list[Measure]:
    if resamples < 1:
        raise TailtuneError(f"the bootstrap needs one resample or more, however: {resamples=}")
    wanted = with_intervals() if measures is None else measures
    return [measure for measure in wanted if measure.applies(profile)]


def _percentiles(measure: Measure, values: Floats, estimate: float) -> tuple[float, float]:
    if measure.recentred:
        values = values - values.mean() + estimate
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    systems: Sequence[Scored], measures: Sequence[Measure], resamples: int, seed: int
) -> tuple[list[dict[str, float]], list[dict[str, Floats]]]:
    """Estimate and resampled values [resamples] of every measure that is defined throughout, for each system."""
    ordered = [system.by_class() for system in systems]
    support = ordered[0].support
    statistics = [
        {measure.key: statistic for measure in measures if (statistic := _statistic(measure, rows)) is not None}
        for rows in ordered
    ]
    once = np.ones((len(ordered[0]), 1), dtype=np.float32)
    estimates = [{key: float(statistic(once)[0]) for key, statistic in each.items()} for each in statistics]
    parts: list[dict[str, list[Floats]]] = [{key: [] for key in each} for each in statistics]
    for weights in _draw(support, resamples, seed):
        for each, collected in zip(statistics, parts, strict=True):
            for key, statistic in each.items():
                collected[key].append(statistic(weights))
    whole = [{key: np.concatenate(chunks) for key, chunks in each.items()} for each in parts]
    return estimates, [{key: found for key, found in each.items() if np.isfinite(found).all()} for each in whole]


def _draw(support: Indices, resamples: int, seed: int) -> Iterator[Weights]:
    """How often each row (sorted by class) is drawn, [N, r] at a time: blocks of about a million stay in cache."""
    rng = np.random.default_rng(seed)
    size = np.repeat(support, support)[:, None]
    start = np.repeat(np.cumsum(support) - support, support)[:, None]
    width = max(1, 2**20 // len(size))
    for done in range(0, resamples, width):
        r = min(width, resamples - done)
        row = (rng.random((len(size), r)) * size).astype(np.int64) + start
        row *= r
        row += np.arange(r)
        yield np.bincount(row.ravel(), minlength=len(size) * r).reshape(len(size), r).astype(np.float32)


def _statistic(measure: Measure, rows: Scored) -> Statistic | None:
    """The measure as a function of row weights; the slow way, by repeating the rows as drawn, where it has no other."""
    if measure.resampled is not None:
        return measure.resampled(rows)
    if measure.value(rows) is None:
        return None

    def statistic(weights: Weights) -> Floats:
        drawn = (np.repeat(np.arange(len(rows)), times) for times in weights.T.astype(np.int64))
        values = [measure.value(rows.take(which)) for which in drawn]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    return statistic

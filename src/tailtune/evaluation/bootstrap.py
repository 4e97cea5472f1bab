"""How sure a figure on held-out rows is: bootstrap intervals, paired where two systems are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.resampling import Resampling
from tailtune.evaluation.scored import Scored, scored
from tailtune.evaluation.weighted import Weights
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
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> dict[str, Interval]:
    """95 % intervals of the headline figures: percentiles over resampled rows (Efron and Tibshirani 1993, chapter 13).

    Rows, or groups of rows, are drawn as `Resampling` says: class sizes stay, so that the interval is about new rows of
    the same classes in the same numbers. A class of one row or group shows no spread at all: read intervals together
    with the rows per class. The calibration error of a resample is biased upwards,
    so its distribution is moved to centre on the estimate before the percentiles are taken.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution of the training rows, as for `summarise`.
        measures: whose intervals; by default those of `with_intervals`. What does not apply is passed over.
        resamples: number of bootstrap resamples.
        seed: of the resampling; the same seed gives the same resamples for any system on the same targets.
        answers: class index that each row was given [N]; by default the most probable class.
        groups: what each row belongs to [N], such as its patient, where rows are not on their own.
        weights: of each row [N]; by default all count alike.

    Returns:
        The ends by the key of a measure; one that is undefined on these rows or in a resample (no row of a tail
        class, or rows of one class alone for auroc and kappa) is left out.
        No resamples, and what `scored` refuses raise a TailtuneError.
    """
    wanted = _wanted(measures, profile)
    rows = scored(targets, probabilities, profile, answers, weights)
    estimates, values = _resampled([rows], wanted, groups, resamples, seed)
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
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
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
        groups: as for `intervals`.
        weights: as for `intervals`.

    Returns:
        The difference by the key of a measure; those undefined on these rows or in a resample are left out.
        No resamples, and what `scored` refuses raise a TailtuneError.
    """
    wanted = _wanted(measures, profile)
    both = [scored(targets, p, profile, chosen, weights) for p, chosen in zip((a, b), answers, strict=True)]
    estimates, values = _resampled(both, wanted, groups, resamples, seed)
    found = {}
    for measure in wanted:
        key = measure.key
        if key in values[0] and key in values[1]:
            difference = estimates[0][key] - estimates[1][key]
            found[key] = Difference(difference, _percentiles(measure, values[0][key] - values[1][key], difference))
    return found


def class_means(resampling: Resampling, columns: Floats) -> Iterator[Floats]:
    """Means of numbers over the rows of each class, in resamples; the means of a class without rows are 0.

    Args:
        resampling: of the rows.
        columns: numbers of each row [N, C].

    Yields:
        Means [r, K, C]: first those of the rows as they are (r is 1), then those of the resamples, some at a time.
    """
    order = np.argsort(resampling.targets, kind="stable")
    support = np.bincount(resampling.targets, minlength=resampling.num_classes)
    values, ends = columns[order].astype(np.float32), np.cumsum(support)
    as_it_is = resampling.base[:, None].astype(np.float32)
    for weights in chain([as_it_is], (weights for weights, _ in resampling.blocks())):
        found = np.zeros((weights.shape[1], resampling.num_classes, values.shape[1]))
        for k in np.flatnonzero(support):
            rows = slice(ends[k] - support[k], ends[k])
            own = order[rows]
            found[:, k] = weights[own].T @ values[rows] / resampling.base[own].sum()
        yield found


def _wanted(measures: Sequence[Measure] | None, profile: ClassProfile) -> list[Measure]:
    wanted = with_intervals() if measures is None else measures
    return [measure for measure in wanted if measure.applies(profile)]


def _percentiles(measure: Measure, values: Floats, estimate: float) -> tuple[float, float]:
    if measure.recentred:
        values = values - values.mean() + estimate
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    systems: Sequence[Scored], measures: Sequence[Measure], groups: ArrayLike | None, resamples: int, seed: int
) -> tuple[list[dict[str, float]], list[dict[str, Floats]]]:
    """Estimate and resampled values [resamples] of every measure that is defined throughout, for each system."""
    order = np.argsort(systems[0].targets, kind="stable")
    ordered, first = [system.take(order) for system in systems], systems[0]
    resampling = Resampling.of(
        ordered[0].targets,
        first.profile.num_classes,
        resamples,
        seed,
        None if groups is None else _in_order(groups, order),
        ordered[0].weights,
    )
    statistics = [
        {measure.key: statistic for measure in measures if (statistic := _statistic(measure, rows)) is not None}
        for rows in ordered
    ]
    once = np.ones((len(order), 1), dtype=np.float32)
    as_it_is = resampling.base[:, None].astype(np.float32), once
    estimates = [{key: float(statistic(*as_it_is)[0]) for key, statistic in each.items()} for each in statistics]
    parts: list[dict[str, list[Floats]]] = [{key: [] for key in each} for each in statistics]
    for block in resampling.blocks():
        for each, collected in zip(statistics, parts, strict=True):
            for key, statistic in each.items():
                collected[key].append(statistic(*block))
    whole = [{key: np.concatenate(chunks) for key, chunks in each.items()} for each in parts]
    return estimates, [{key: found for key, found in each.items() if np.isfinite(found).all()} for each in whole]


def _in_order(groups: ArrayLike, order: Indices) -> NDArray[np.generic]:
    named = np.asarray(groups)
    if named.shape != order.shape:
        raise TailtuneError(f"{len(order)} rows need {len(order)} groups, however: shape {named.shape}")
    return np.asarray(named[order])


def _statistic(measure: Measure, rows: Scored) -> Callable[[Weights, Weights], Floats] | None:
    """The measure as a function of the weights and of how often rows are drawn.

    Where it has no form of its own for that, the rows are repeated as drawn, which is slow and knows no weights.
    """
    if measure.resampled is not None:
        weighted = measure.resampled(rows)
        return None if weighted is None else lambda weights, times: weighted(weights)
    if measure.value(rows) is None:
        return None

    def statistic(weights: Weights, times: Weights) -> Floats:
        drawn = (np.repeat(np.arange(len(rows)), each) for each in times.T.astype(np.int64))
        values = [measure.value(rows.take(which)) for which in drawn]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    return statistic

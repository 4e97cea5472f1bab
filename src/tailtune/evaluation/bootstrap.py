"""How sure a figure on held-out rows is: stratified bootstrap intervals, paired where two systems are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.calibration import BINS, bin_index
from tailtune.evaluation.metrics import checked, rarer_class, row_losses
from tailtune.profile import ClassProfile

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
Indices = NDArray[np.int64]
Statistic = Callable[[Weights], Floats]

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "tail_accuracy",
    "log_loss",
    "ece",
    "macro_auprc",
    "auprc",
    "auroc",
    "kappa",
)
_TWO_CLASSES, _MORE_CLASSES = ("auprc", "auroc"), ("kappa",)


def intervals(
    targets: ArrayLike,
    probabilities: ArrayLike,
    profile: ClassProfile,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, list[float]]:
    """95 % intervals of the headline figures: percentiles over resampled rows (Efron and Tibshirani 1993, chapter 13).

    Rows are drawn with replacement within each class, so that no class vanishes and the class sizes stay; the
    interval is therefore about new rows of the same classes in the same numbers. A class of one row shows no spread
    at all: read intervals together with the rows per class. The calibration error of a resample is biased upwards,
    so its distribution is moved to centre on the estimate before the percentiles are taken.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution of the training rows, as for `summarise`.
        metrics: names out of METRICS; all of them by default (auprc and auroc are for two classes only, kappa for
            three or more).
        resamples: number of bootstrap resamples.
        seed: of the resampling; the same seed gives the same resamples for any system on the same targets.

    Returns:
        [low, high] a metric; a metric that is undefined on these rows (no row of a tail class, or rows of one class
        alone for auroc and kappa) is left out.
        An unknown metric, no resamples, and what `summarise` refuses raise a TailtuneError.
    """
    y, p = checked(targets, probabilities, profile.num_classes)
    names = _names(metrics, profile, resamples)
    estimates, values = _resampled(y, [p], profile, names, resamples, seed)
    found = {}
    for name in values[0]:
        low, high = _percentiles(name, values[0][name], estimates[0][name])
        least, most = -np.inf if name == "kappa" else 0.0, np.inf if name == "log_loss" else 1.0
        found[name] = [max(low, least), min(high, most)]
    return found


def paired_difference(
    targets: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    profile: ClassProfile,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Difference a minus b of the headline figures with 95 % intervals, both systems scored on the same resamples.

    The pairing takes out what both find hard, so it can tell apart two systems whose own intervals overlap.

    Args:
        targets: class indices [N].
        a: probabilities of the one system [N, K].
        b: probabilities of the other on the same rows [N, K].
        profile: class distribution of the training rows.
        metrics: names out of METRICS; all of them by default.
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Returns:
        {"difference": d, "interval": [low, high]} a metric; metrics undefined on these rows are left out.
        An unknown metric, no resamples, and what `summarise` refuses raise a TailtuneError.
    """
    y, first = checked(targets, a, profile.num_classes)
    second = checked(targets, b, profile.num_classes)[1]
    names = _names(metrics, profile, resamples)
    estimates, values = _resampled(y, [first, second], profile, names, resamples, seed)
    found = {}
    for name in values[0]:
        difference = estimates[0][name] - estimates[1][name]
        interval = list(_percentiles(name, values[0][name] - values[1][name], difference))
        found[name] = {"difference": difference, "interval": interval}
    return found


def _names(metrics: Sequence[str] | None, profile: ClassProfile, resamples: int) -> list[str]:
    if resamples < 1:
        raise TailtuneError(f"the bootstrap needs one resample or more, however: {resamples=}")
    for name in metrics or ():
        if name not in METRICS:
            raise TailtuneError(f"no interval is defined for metric {name!r}.{nearest(name, METRICS)}")
    wanted = METRICS if metrics is None else metrics
    other = _MORE_CLASSES if profile.num_classes == 2 else _TWO_CLASSES
    return [name for name in wanted if name not in other]


def _percentiles(name: str, values: Floats, estimate: float) -> tuple[float, float]:
    if name == "ece":
        values = values - values.mean() + estimate
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    y: Indices, systems: list[Floats], profile: ClassProfile, names: list[str], resamples: int, seed: int
) -> tuple[list[dict[str, float]], list[dict[str, Floats]]]:
    """Estimate and resampled values [resamples] of every metric that is defined, for each system."""
    order = np.argsort(y, kind="stable")
    y = y[order]
    support = np.bincount(y, minlength=profile.num_classes)
    statistics = [_statistics(y, p[order], support, profile, names) for p in systems]
    once = np.ones((len(y), 1), dtype=np.float32)
    estimates = [{name: float(statistic(once)[0]) for name, statistic in each.items()} for each in statistics]
    parts: list[dict[str, list[Floats]]] = [{name: [] for name in each} for each in statistics]
    for weights in _draw(support, resamples, seed):
        for each, collected in zip(statistics, parts, strict=True):
            for name, statistic in each.items():
                collected[name].append(statistic(weights))
    return estimates, [{name: np.concatenate(chunks) for name, chunks in each.items()} for each in parts]


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


class _GroupSums:
    """Sums of the weights [N, r] over groups of rows, giving [groups, r]; prepared once, applied to every block."""

    def __init__(self, rows: Indices, group: Indices, groups: int) -> None:
        order = np.argsort(group, kind="stable")
        self.rows = rows[order].astype(np.int32)
        self.present, self.start = np.unique(group[order], return_index=True)
        self.groups = groups

    def __call__(self, weights: Weights) -> Weights:
        sums = np.zeros((self.groups, weights.shape[1]), dtype=np.float32)
        if len(self.rows):
            sums[self.present] = np.add.reduceat(weights[self.rows], self.start, axis=0)
        return sums


def _statistics(
    y: Indices, p: Floats, support: Indices, profile: ClassProfile, names: list[str]
) -> dict[str, Statistic]:
    """The metrics as functions of row weights [N, r] whose sum within each class is the class's support."""
    N, K = p.shape
    predicted = p.argmax(axis=1)
    correct = predicted == y
    rows = np.arange(N)
    hits_of = _GroupSums(rows[correct], y[correct], K)
    predicted_of = _GroupSums(rows, predicted, K)
    present = np.flatnonzero(support)
    tail_rows = float(support[profile.tail].sum())
    losses = row_losses(y, p).astype(np.float32)
    confidence = p.max(axis=1)
    gaps = np.zeros((BINS, N), dtype=np.float32)
    gaps[bin_index(confidence), rows] = correct - confidence

    def macro_f1(weights: Weights) -> Floats:
        sizes = support[present, None] + predicted_of(weights)[present]
        return np.asarray((2 * hits_of(weights)[present] / sizes).mean(axis=0))

    found: dict[str, Statistic] = {
        "accuracy": lambda weights: hits_of(weights).sum(axis=0) / N,
        "balanced_accuracy": lambda weights: (hits_of(weights)[present] / support[present, None]).mean(axis=0),
        "macro_f1": macro_f1,
        "tail_accuracy": lambda weights: hits_of(weights)[profile.tail].sum(axis=0) / tail_rows,
        "log_loss": lambda weights: np.asarray(losses @ weights / N, dtype=np.float64),
        "ece": lambda weights: np.asarray(np.abs(gaps @ weights).sum(axis=0) / N, dtype=np.float64),
    }
    if not tail_rows:
        del found["tail_accuracy"]
    ends = np.cumsum(support)
    wanted = present if "macro_auprc" in names else np.arange(0)
    areas = {int(k): _average_precision(p[:, k], ends[k] - support[k], ends[k]) for k in wanted}
    if areas:
        found["macro_auprc"] = lambda weights: np.mean([area(weights) for area in areas.values()], axis=0)
    rare = rarer_class(profile)
    if "auprc" in names and support[rare]:
        found["auprc"] = areas.get(rare) or _average_precision(p[:, rare], ends[rare] - support[rare], ends[rare])
    if "auroc" in names and len(present) == 2:
        found["auroc"] = _roc_area(p[:, rare], ends[rare] - support[rare], ends[rare])
    if "kappa" in names and len(present) > 1:
        found["kappa"] = _kappa(y, predicted, support)
    return {name: found[name] for name in names if name in found}


def _average_precision(scores: Floats, start: int, end: int) -> Statistic:
    """Average precision of the class whose rows are start..end-1 as a function of row weights.

    Only thresholds at a positive row's score add to it, and rows below the lowest of these never count, so the
    negatives are summed between neighbouring thresholds: one pass over few rows instead of a sort a resample.
    """
    threshold = np.unique(scores[start:end])[::-1]
    level = len(threshold) - np.searchsorted(threshold[::-1], scores, side="right")
    rows = np.arange(len(scores))
    positive = (rows >= start) & (rows < end)
    negative = ~positive & (level < len(threshold))
    positives_of = _GroupSums(rows[positive], level[positive], len(threshold))
    negatives_of = _GroupSums(rows[negative], level[negative], len(threshold))

    def statistic(weights: Weights) -> Floats:
        gained = positives_of(weights)
        found = np.cumsum(gained, axis=0, dtype=np.float64)
        reached = found + np.cumsum(negatives_of(weights), axis=0)
        return np.asarray((gained * found / np.maximum(reached, 1.0)).sum(axis=0) / (end - start))

    return statistic


def _roc_area(scores: Floats, start: int, end: int) -> Statistic:
    """ROC area of the class whose rows are start..end-1 as a function of row weights.

    A positive row counts the negatives below its score, and half of those that tie with it. With the positives' T
    distinct scores in ascending order, a negative row stands at place 2 t + 1 where it ties with score t, at 2 t where
    it lies between the scores t - 1 and t.
    """
    rows = np.arange(len(scores))
    positive = (rows >= start) & (rows < end)
    distinct, level = np.unique(scores[positive], return_inverse=True)
    place = np.searchsorted(distinct, scores, side="left") + np.searchsorted(distinct, scores, side="right")
    positives_of = _GroupSums(rows[positive], level, len(distinct))
    negatives_of = _GroupSums(rows[~positive], place[~positive], 2 * len(distinct) + 1)
    pairs = (end - start) * (len(scores) - (end - start))

    def statistic(weights: Weights) -> Floats:
        negatives = negatives_of(weights)
        tied = negatives[1::2]
        beaten = np.cumsum(negatives, axis=0, dtype=np.float64)[1::2] - tied / 2
        return np.asarray((positives_of(weights) * beaten).sum(axis=0) / pairs)

    return statistic


def _kappa(y: Indices, predicted: Indices, support: Indices) -> Statistic:
    """Quadratic-weighted kappa as a function of row weights, see `tailtune.evaluation.metrics.kappa`.

    As resampling keeps the class sizes, both of its sums are sums over rows: of (y - predicted)^2, and of what that
    is on average over all rows' classes. Both are kept times N, so that a constant answer scores exactly zero.
    """
    place = np.arange(len(support))
    by_chance = (place[:, None] - place) ** 2 @ support
    sums = np.stack([(y - predicted) ** 2 * len(y), by_chance[predicted]]).astype(np.float64)

    def statistic(weights: Weights) -> Floats:
        observed, expected = sums @ weights
        return np.asarray(1 - observed / expected)

    return statistic

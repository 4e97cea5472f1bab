"""Figures of resampled rows as functions of how often each row is drawn: sums over groups, and areas under curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Indices = NDArray[np.int64]
Weights = NDArray[np.float32] | NDArray[np.float64]
# weights of N rows in r resamples, which are how often they are drawn where all count alike [N, r] -> figures [r]
Statistic = Callable[[Weights], Floats]


class GroupSums:
    """Sums of the weights [N, r] over groups of rows, giving [groups, r]; prepared once, applied to every block.

    Args:
        rows: which of the N rows count [n].
        group: group of each of these rows [n].
        groups: number of groups; those without rows have sums of zero.
    """

    def __init__(self, rows: Indices, group: Indices, groups: int) -> None:
        order = np.argsort(group, kind="stable")
        self.rows = rows[order].astype(np.int32)
        self.present, self.start = np.unique(group[order], return_index=True)
        self.groups = groups

    def __call__(self, weights: Weights) -> Weights:
        """Sums [groups, r] of the weights [N, r]."""
        sums = np.zeros((self.groups, weights.shape[1]), dtype=weights.dtype)
        if len(self.rows):
            sums[self.present] = np.add.reduceat(weights[self.rows], self.start, axis=0)
        return sums


def average_precision(scores: Floats, positive: Booleans, own: Floats | None = None) -> Statistic:
    """Average precision, see `tailtune.evaluation.ranking.average_precision`, as a function of row weights.

    Only thresholds at a positive row's score add to it, and rows below the lowest of these never count, so the
    negatives are summed between neighbouring thresholds: one pass over few rows instead of a sort a resample.

    Args:
        scores: one score a row [N].
        positive: which rows are positive [N], at least one; resamples keep their weight.
        own: weight of each row [N]; None where all count alike.
    """
    total = float(positive.sum() if own is None else own[positive].sum())
    threshold = np.unique(scores[positive])[::-1]
    level = len(threshold) - np.searchsorted(threshold[::-1], scores, side="right")
    rows = np.arange(len(scores))
    negative = ~positive & (level < len(threshold))
    positives_of = GroupSums(rows[positive], level[positive], len(threshold))
    negatives_of = GroupSums(rows[negative], level[negative], len(threshold))

    def statistic(weights: Weights) -> Floats:
        gained = positives_of(weights)
        found = np.cumsum(gained, axis=0, dtype=np.float64)
        reached = found + np.cumsum(negatives_of(weights), axis=0)
        parts = np.divide(gained * found, reached, out=np.zeros_like(found), where=reached > 0)
        return np.asarray(parts.sum(axis=0) / total)

    return statistic


def roc_area(scores: Floats, positive: Booleans, own: Floats | None = None) -> Statistic:
    """ROC area, see `tailtune.evaluation.ranking.auroc`, as a function of row weights.

    A positive row counts the negatives below its score, and half of those that tie with it. With the positives' T
    distinct scores in ascending order, a negative row stands at place 2 t + 1 where it ties with score t, at 2 t where
    it lies between the scores t - 1 and t.

    Args:
        scores: one score a row [N].
        positive: which rows are positive [N], at least one and not all; resamples keep their weight, and the others'.
        own: weight of each row [N]; None where all count alike.
    """
    rows = np.arange(len(scores))
    distinct, level = np.unique(scores[positive], return_inverse=True)
    place = np.searchsorted(distinct, scores, side="left") + np.searchsorted(distinct, scores, side="right")
    positives_of = GroupSums(rows[positive], level, len(distinct))
    negatives_of = GroupSums(rows[~positive], place[~positive], 2 * len(distinct) + 1)
    both = (positive, ~positive)
    pairs = float(np.prod([side.sum() if own is None else own[side].sum() for side in both]))

    def statistic(weights: Weights) -> Floats:
        negatives = negatives_of(weights)
        tied = negatives[1::2]
        beaten = np.cumsum(negatives, axis=0, dtype=np.float64)[1::2] - tied / 2
        return np.asarray((positives_of(weights) * beaten).sum(axis=0) / pairs)

    return statistic

"""Threshold-free quality of one class's scores: ROC curve area, precision-recall curve and average precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def auroc(scores: Floats, positive: Booleans) -> float | None:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties counting half.

    The Mann-Whitney form U / (n1 n0), with U = (sum of the positives' mean ranks) - n1 (n1 + 1) / 2.

    Args:
        scores: one score a row, higher means more likely positive [N].
        positive: which rows are positive [N].

    Returns:
        The area in 0..1, or None where one of the two sides has no rows.

    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    n1 = int(positive.sum())
    n0 = len(positive) - n1
    if n1 == 0 or n0 == 0:
        return None
    _, value, ties = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(ties) - (ties - 1) / 2
    u = mean_rank[value[positive]].sum() - n1 * (n1 + 1) / 2
    return float(u / (n1 * n0))


def precision_recall_curve(scores: Floats, positive: Booleans) -> tuple[Floats, Floats]:
    """Precision and recall at every distinct score taken as the threshold, from the highest score down.

    Args:
        scores: one score a row [N].
        positive: which rows are positive [N], at least one of them.

    Returns:
        precision [T] and recall [T] for the T distinct scores; recall grows to 1.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    true_positives = np.cumsum(positive[order], dtype=np.float64)[last_of_tie]
    return true_positives / (last_of_tie + 1), true_positives / true_positives[-1]


def average_precision(scores: Floats, positive: Booleans) -> float | None:
    """Average precision sum_t (R_t - R_{t-1}) P_t over the distinct thresholds t, the usual estimate of AUPRC.

    Not interpolated: straight lines between points of a precision-recall curve flatter a classifier
    (Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006).

    Args:
        scores: one score a row [N].
        positive: which rows are positive [N].

    Returns:
        The area in 0..1, or None without a positive row.

    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    0.8333333333333333
    """
    if not positive.any():
        return None
    precision, recall = precision_recall_curve(scores, positive)
    return float((np.diff(recall, prepend=0.0) * precision).sum())

"""Calibration: whether a stated probability of 0.8 comes true eight times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose answer had a probability between `low` and `high`: how sure they were and how often right."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def bin_index(values: Floats, bins: int = BINS) -> Indices:
    """Index of the equal-width bin (low, high] of 0..1 that holds each value; 0 itself goes to the first bin.

    >>> bin_index(np.array([0.0, 0.5, 0.51, 1.0]), bins=2).tolist()
    [0, 0, 1, 1]
    """
    upper = np.arange(1, bins) / bins
    return np.searchsorted(upper, values, side="left")


def reliability(
    targets: Indices, probabilities: Floats, bins: int = BINS, weights: Floats | None = None
) -> tuple[ReliabilityBin, ...]:
    """Stated confidence against achieved accuracy in equal-width bins of the top label's probability.

    Args:
        targets: class indices [N].
        probabilities: [N, K].
        weights: how much each row counts [N]; counts of rows count each once.
        bins: number of bins.

    Returns:
        A bin each, of which the mean confidence and the accuracy are None where it is empty.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == targets
    index = bin_index(confidence, bins)
    count, own = np.bincount(index, minlength=bins), np.ones(len(targets)) if weights is None else weights
    mass = np.bincount(index, weights=own, minlength=bins)
    stated = np.bincount(index, weights=confidence * own, minlength=bins)
    achieved = np.bincount(index, weights=correct * own, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=k / bins,
            high=(k + 1) / bins,
            count=int(count[k]),
            confidence=float(stated[k] / mass[k]) if mass[k] else None,
            accuracy=float(achieved[k] / mass[k]) if mass[k] else None,
        )
        for k in range(bins)
    )


def expected_calibration_error(
    targets: Indices, probabilities: Floats, bins: int = BINS, weights: Floats | None = None
) -> float:
    """Expected calibration error of the top label, sum_b (n_b / N) |accuracy_b - confidence_b|, in 0..1.

    Args:
        targets: class indices [N].
        probabilities: [N, K].
        weights: how much each row counts [N]; by default all alike.
        bins: number of equal-width bins.

    Returns:
        The error; 0 is perfect.

    Source: Guo et al., "On calibration of modern neural networks", 2017, equation 3 (15 bins, as there).
    """
    confidence = probabilities.max(axis=1)
    own = np.ones(len(targets)) if weights is None else weights
    gap = ((probabilities.argmax(axis=1) == targets) - confidence) * own
    return float(np.abs(np.bincount(bin_index(confidence, bins), weights=gap, minlength=bins)).sum() / own.sum())


def classwise_calibration_error(
    targets: Indices, probabilities: Floats, bins: int = BINS, weights: Floats | None = None
) -> float:
    """Class-wise calibration error (1 / K) sum_k sum_b (n_bk / N) |share of class k_b - mean probability_bk|, in 0..1.

    Every class's probability is binned, not only the top label's, so that a rare class whose probabilities are
    off is seen. The mean runs over all K columns, those of classes without rows included.

    Args:
        targets: class indices [N].
        probabilities: [N, K].
        weights: how much each row counts [N]; by default all alike.
        bins: number of equal-width bins.

    Returns:
        The error; 0 is perfect.

    Source: Kull et al., "Beyond temperature scaling", 2019, equation 3; the same quantity is the static
    calibration error of Nixon et al., "Measuring calibration in deep learning", 2019.
    """
    rows, classes = probabilities.shape
    gap = -probabilities
    gap[np.arange(rows), targets] += 1.0
    own = np.ones(rows) if weights is None else weights
    gap *= own[:, None]
    cell = bin_index(probabilities, bins) + bins * np.arange(classes)
    sums = np.bincount(cell.ravel(), weights=gap.ravel(), minlength=bins * classes)
    return float(np.abs(sums).sum() / (own.sum() * classes))

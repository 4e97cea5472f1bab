"""What the recalls of a row's classes say: accuracy on any class balance, on the rarest classes, on the largest ones.

Classes go from frequent to rare, as in the data sets that are made long-tailed, so that the same classes are the rare
ones at every ratio, also where all are equally large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailtune.data.longtail import shares
from tailtune.paper.page import Row

Floats = NDArray[np.float64]


def recalls(row: Row) -> Floats:
    """Recall of each class [K], from the most frequent to the rarest; NaN where no test row was of the class."""
    return np.array([float(value) for value in str(row["recalls"]).split()])


def minority(row: Row) -> float:
    """Mean recall of the rarest fifth of the classes (at least one): their accuracy on a balanced test part.

    >>> minority({"recalls": "0.9 0.8 0.7 0.6 0.5"})
    0.5
    """
    found = recalls(row)
    return float(found[-max(1, round(0.2 * len(found))) :].mean())


def majority(row: Row) -> float:
    """Mean recall of the most frequent fifth of the classes (at least one)."""
    found = recalls(row)
    return float(found[: max(1, round(0.2 * len(found)))].mean())


def balanced(row: Row) -> float:
    """Mean recall of all classes: the accuracy on a balanced test part."""
    return float(recalls(row).mean())


def at_test_ratio(row: Row, ratio: float) -> float:
    """Accuracy on test rows whose classes fall exponentially to `ratio`: the recalls weighted by the classes' shares.

    >>> at_test_ratio({"recalls": "1.0 0.0"}, 0.25)
    0.8
    """
    found = recalls(row)
    weights = np.array(shares("exponential", len(found), ratio))
    return float(found @ weights / weights.sum())


def gain(accuracy: float, reference: float, by: float) -> float | None:
    """How much better an accuracy is than a reference, as a share of `by`; None where that is 0.

    Equation 1 of the paper (batch size) divides by the accuracy itself, Equation 2 (pre-training) by the reference, as
    the paper's percentages over training without augmentation do.

    >>> gain(0.5, 0.4, by=0.5), gain(0.5, 0.4, by=0.4)
    (0.19999999999999996, 0.24999999999999994)
    """
    return None if by == 0 else (accuracy - reference) / by


def decades(ratio: float, other: float) -> float:
    """How many powers of ten lie between two ratios, without sign."""
    return abs(math.log10(ratio / other))


def standard_error(values: Sequence[float]) -> float:
    """Of the mean; 0 for one value."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def cell(values: Sequence[float], factor: float = 100.0, digits: int = 1) -> str:
    """Write a mean with its standard error, by default shares in per cent; a dash for nothing."""
    if not values:
        return "–"
    mean = f"{factor * np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {factor * standard_error(values):.{digits}f}"

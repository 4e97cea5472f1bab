"""Intervals of shares that count, also of all or none of few rows, where resampling shows no spread at all."""

from __future__ import annotations

import math

Interval = tuple[float, float]
Z = 1.959964  # of 95 %


def wilson(hits: float, rows: float, z: float = Z) -> Interval:
    """Wilson's score interval of a share (1927).

    Args:
        hits: rows that count.
        rows: all of them, at least one.
        z: normal quantile, 1.96 for 95 %.

    >>> [round(end, 3) for end in wilson(5, 5)]
    [0.566, 1.0]
    """
    p, spread = hits / rows, z * z / rows
    middle = (p + spread / 2) / (1 + spread)
    half = math.sqrt(p * (1 - p) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(first: tuple[float, float], second: tuple[float, float], z: float = Z) -> Interval:
    """Interval of the first share minus the second, of other rows: Newcombe's hybrid of two score intervals (1998).

    Args:
        first: rows that count, and all rows.
        second: likewise.
        z: normal quantile, 1.96 for 95 %.

    >>> [round(end, 4) for end in difference((56, 70), (48, 80))]  # example (a) of the paper's Table II
    [0.0524, 0.3339]
    """
    p, q = first[0] / first[1], second[0] / second[1]
    low, high = wilson(*first, z)
    under, over = wilson(*second, z)
    return p - q - math.hypot(p - low, over - q), p - q + math.hypot(high - p, q - under)

"""How far two figures go together over several things: Pearson's r with its interval, and the slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Correlation:
    """Pearson's r over `n` architectures with Fisher's 95 % interval, which needs four."""

    r: float
    interval: tuple[float, float] | None
    n: int


def correlation(x: Sequence[float], y: Sequence[float]) -> Correlation | None:
    """Pearson's r with Fisher's interval, tanh(artanh r +- 1.96 / sqrt(n - 3)); None below three or without spread.

    Source: Fisher, "On the 'probable error' of a coefficient of correlation deduced from a small sample", 1921.
    """
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    r = float(np.corrcoef(x, y)[0, 1])
    if len(x) < 4 or abs(r) >= 1:
        return Correlation(r, None, len(x))
    reach = 1.959964 / math.sqrt(len(x) - 3)
    return Correlation(r, (math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)), len(x))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of y over x.

    >>> round(slope([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), 6)
    2.0
    """
    return float(np.polyfit(x, y, 1)[0])

"""Two methods trained on the same seeds: paired t interval and test, Holm's adjustment, exact signed-rank test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

Floats = NDArray[np.float64]

DIGITS = 12  # of the largest figure; what differs beyond them is rounding, as shares of test rows never lie so close
WILCOXON_SEEDS = 6  # with five, even five differences of one sign give p = 2 / 2^5 = 0.0625


@dataclass(frozen=True)
class Paired:
    """Differences of two arms over the same seeds.

    Attributes:
        n: pairs.
        mean: of the differences.
        standard_error: s / sqrt(n).
        interval: of the mean.
        t: the mean over its standard error.
        p: of the two-sided test.
        differences: a seed each.
        note: in words, where a part is None.
    """

    n: int
    mean: float | None
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    t: float | None = None
    p: float | None = None
    differences: tuple[float, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's test: differences that are not zero, the smaller rank sum, p, and the smallest p there can be."""

    n: int
    statistic: float
    p: float
    smallest_p: float


def differences(values: ArrayLike, reference: ArrayLike) -> Floats:
    """Differences `values` - `reference` [n], with what is only rounding made exactly equal or exactly zero.

    Args:
        values: figures of the one method [n], a seed each.
        reference: figures of the other on the same seeds [n].

    Returns:
        The differences, rounded to the twelfth digit of the largest figure.

    Raises:
        TailtuneError: shapes that differ, more than one dimension, or NaN or infinity.

    >>> differences([0.3, 0.5], [0.2, 0.4]).tolist()  # 0.3 - 0.2 and 0.5 - 0.4 differ in the last bit
    [0.1, 0.1]
    """
    a, b = np.asarray(values, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise TailtuneError(f"paired figures must be two lists of one length, however: shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise TailtuneError("paired figures must be finite, however: one is NaN or infinite; leave that seed out")
    scale = float(max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0)))
    if scale == 0:
        return np.zeros(len(a))
    return np.round(a - b, min(DIGITS - math.floor(math.log10(scale)), 100))  # squares of 1e-100 still have digits


def paired_t(values: ArrayLike, reference: ArrayLike, level: float = 0.95) -> Paired:
    """Mean paired difference with its t interval, d +- t_(n-1) s / sqrt(n), and the two-sided paired t test.

    One pair has no spread and no interval. Where every difference is zero the interval is [0, 0] and p is 1. Where
    every difference is the same but not zero, there is no spread to measure it against: neither interval nor p is
    stated, since the test would call the smallest step of a figure certain.

    Args:
        values: figures of the one method [n], a seed each.
        reference: figures of the other on the same seeds [n].
        level: coverage of the interval, in 0..1.

    Raises:
        TailtuneError: a level outside 0..1, or what `differences` refuses.

    Source: Student, "The probable error of a mean", 1908.

    >>> found = paired_t([0.82, 0.80, 0.84], [0.80, 0.79, 0.80])
    >>> round(found.mean, 3), [round(end, 3) for end in found.interval], round(found.p, 3)
    (0.023, [-0.015, 0.061], 0.118)
    """
    from scipy.special import stdtr, stdtrit  # Student's distribution and its quantiles

    if not 0 < level < 1:
        raise TailtuneError(f"the level of an interval must lie between 0 and 1, however: {level}")
    d = differences(values, reference)
    n = len(d)
    each = tuple(d.tolist())
    if n < 2:
        note = "one seed in common: no interval and no test" if n else "no seed in common"
        return Paired(n, float(d.mean()) if n else None, differences=each, note=note)
    if np.ptp(d) == 0:
        if d[0] == 0:
            return Paired(n, 0.0, 0.0, (0.0, 0.0), None, 1.0, each, "every difference is zero")
        note = "every seed gave the same difference: no spread to test it against"
        return Paired(n, float(d[0]), 0.0, differences=each, note=note)
    mean, error = float(d.mean()), float(d.std(ddof=1) / math.sqrt(n))
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    t = mean / error
    p = 2 * float(stdtr(n - 1, -abs(t)))
    return Paired(n, mean, error, (mean - reach, mean + reach), t, p, each)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: the i-th smallest of m p values times (m - i + 1), made monotone, at most 1.

    Rejecting where the adjusted value is under alpha keeps the chance of any false rejection in the family under
    alpha, whatever the dependence between the tests.

    Args:
        p_values: of one family [m]; None for a comparison that could not be tested. It counts in m all the same, as
            if its p were 1, so that leaving it out for what its data look like cannot make the others smaller.

    Returns:
        The adjusted p values in the order given, None where None was.

    Raises:
        TailtuneError: a p value outside 0..1.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    >>> holm([0.01, 0.04, 0.03, None])
    [0.04, 0.09, 0.09, None]
    """
    if not all(p is None or 0 <= p <= 1 for p in p_values):
        raise TailtuneError(f"p values must lie in 0..1, however: {list(p_values)}")
    m = len(p_values)
    adjusted: list[float | None] = [None] * m
    largest = 0.0
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    for step, (p, i) in enumerate(tested):
        largest = max(largest, min(1.0, (m - step) * p))
        adjusted[i] = largest
    return adjusted


def signed_rank(values: ArrayLike, reference: ArrayLike) -> SignedRank | None:
    """Wilcoxon's signed-rank test, two-sided and exact, with ties at their mean rank and zeros left out.

    The p value is the share of all 2^n assignments of signs whose rank sum lies as far from the middle as the one
    seen; it is exact with ties too, because the sums are counted and no normal curve is used. No p can be smaller
    than 2 / 2^n, which is why fewer than six seeds are not tested.

    Args:
        values: figures of the one method [n], a seed each.
        reference: figures of the other on the same seeds [n].

    Returns:
        The test, whose smallest p is 2 / 2^n; None for fewer than six seeds. What `differences` refuses raises a
        TailtuneError.

    Source: Wilcoxon, "Individual comparisons by ranking methods", 1945.

    >>> signed_rank([6, 5, 7, 8, 9, 4], [1, 2, 3, 2, 1, 3])
    SignedRank(n=6, statistic=0.0, p=0.03125, smallest_p=0.03125)
    """
    from scipy import stats

    d = differences(values, reference)
    if len(d) < WILCOXON_SEEDS:
        return None
    d = d[d != 0]
    n = len(d)
    if n == 0:
        return SignedRank(0, 0.0, 1.0, 1.0)
    ranks = np.rint(2 * stats.rankdata(np.abs(d))).astype(np.int64)  # doubled, so that a mean rank is whole
    total = int(ranks.sum())
    ways = np.zeros(total + 1)  # share of the assignments of signs with this sum of positive ranks
    ways[0] = 1.0
    for rank in ranks:
        ways[rank:] += ways[:-rank].copy()
        ways /= 2
    positive = int(ranks[d > 0].sum())
    smaller = min(positive, total - positive)
    p = min(1.0, 2 * float(ways[: smaller + 1].sum()))
    return SignedRank(n, smaller / 2, p, 2.0 ** (1 - n))

"""Ranks of methods across data sets, with Friedman's test and a critical difference where their assumptions hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

MORE_DATASETS_THAN = 10  # the chi-square approximation of Friedman's test wants more data sets than this
MORE_METHODS_THAN = 5


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of whether the mean ranks differ at all."""

    statistic: float
    p: float


@dataclass(frozen=True)
class Ranks:
    """Ranks of arms over data sets.

    Attributes:
        ranks: of each arm on each data set, from the best arm to the worst.
        mean_rank: of each arm.
        left_out: arms without a score somewhere.
        friedman: the test, where its assumptions hold.
        critical_difference: of two mean ranks, where the test rejects.
        note: in words, on both.
        datasets: their names.
    """

    ranks: dict[str, tuple[float, ...]]
    mean_rank: dict[str, float]
    left_out: tuple[str, ...]
    friedman: Friedman | None = None
    critical_difference: float | None = None
    note: str = ""
    datasets: tuple[str, ...] = ()


def mean_ranks(scores: Mapping[str, Sequence[float | None]], independent: bool, level: float = 0.95) -> Ranks | None:
    """Rank the methods on every data set (1 is best, ties share their mean rank) and average the ranks.

    The critical difference q sqrt(k (k + 1) / (6 N)) of Nemenyi's test (q is the studentised range's quantile over
    sqrt(2)) is stated only where Friedman's test rejects and its assumptions hold: data sets that are independent of
    each other, more than ten of them, and more than five methods.

    Args:
        scores: mean score a method on each of the N data sets, higher is better; None where it has none.
        independent: whether no two of the data sets are made from the same rows.
        level: of the critical difference.

    Returns:
        The ranks; None for fewer than two data sets or fewer than two methods that have a score on all.

    Source: Demšar, "Statistical comparisons of classifiers over multiple data sets", 2006, section 3.2.
    """
    from scipy import stats

    complete = [method for method, values in scores.items() if all(value is not None for value in values)]
    N = len(next(iter(scores.values()), ()))
    k = len(complete)
    if N < 2 or k < 2:
        return None
    table = np.array([scores[method] for method in complete], dtype=np.float64).T  # [N, k]
    ranks = stats.rankdata(-np.round(table, 12), axis=1)
    mean = ranks.mean(axis=0)
    order = np.argsort(mean, kind="stable")
    found = Ranks(
        ranks={complete[i]: tuple(ranks[:, i].tolist()) for i in order},
        mean_rank={complete[i]: float(mean[i]) for i in order},
        left_out=tuple(method for method in scores if method not in complete),
    )
    if not independent:
        note = "Only ranks: some of these data sets are made from the same rows, so they are no independent witnesses."
        return replace(found, note=note)
    if N <= MORE_DATASETS_THAN or k <= MORE_METHODS_THAN:
        note = (
            f"Only ranks: Friedman's test and a critical difference want more than {MORE_DATASETS_THAN} data sets and "
            f"more than {MORE_METHODS_THAN} methods; here are {N} and {k}."
        )
        return replace(found, note=note)
    if (ranks == ranks[:, :1]).all():
        return replace(found, note="Every method has the same rank everywhere.")
    statistic, p = (float(value) for value in stats.friedmanchisquare(*ranks.T))
    found = replace(found, friedman=Friedman(statistic, p))
    if p >= 1 - level:
        note = f"Friedman's test finds no difference between the ranks (p = {p:.3g}), so no pair is compared."
        return replace(found, note=note)
    q = float(stats.studentized_range.ppf(level, k, np.inf)) / math.sqrt(2)
    critical = q * math.sqrt(k * (k + 1) / (6 * N))
    note = (
        f"Friedman's test tells the ranks apart (p = {p:.3g}); two methods differ where their mean ranks lie further "
        f"apart than Nemenyi's critical difference of {critical:.2f}."
    )
    return replace(found, critical_difference=critical, note=note)

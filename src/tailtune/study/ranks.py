"""Ranks of methods across data sets, with Friedman's test and a critical difference where their assumptions hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MORE_DATASETS_THAN = 10  # the chi-square approximation of Friedman's test wants more data sets than this
MORE_METHODS_THAN = 5


def mean_ranks(
    scores: Mapping[str, Sequence[float | None]], independent: bool, level: float = 0.95
) -> dict[str, Any] | None:
    """Rank the methods on every data set (1 is best, ties share their mean rank) and average the ranks.

    The critical difference q sqrt(k (k + 1) / (6 N)) of Nemenyi's test (q is the studentised range's quantile over
    sqrt(2)) is stated only where Friedman's test rejects and its assumptions hold: data sets that are independent of
    each other, more than ten of them, and more than five methods.

    Args:
        scores: mean score a method on each of the N data sets, higher is better; None where it has none.
        independent: whether no two of the data sets are made from the same rows.
        level: of the critical difference.

    Returns:
        ranks [N] and mean_rank a method, from best to worst; left_out (methods without a score somewhere); friedman
        {"statistic", "p"} or None; critical_difference or None; and a note in words on both. None for fewer than two
        data sets or fewer than two methods that have a score on all.

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
    found: dict[str, Any] = {
        "ranks": {complete[i]: ranks[:, i].tolist() for i in order},
        "mean_rank": {complete[i]: float(mean[i]) for i in order},
        "left_out": [method for method in scores if method not in complete],
        "friedman": None,
        "critical_difference": None,
    }
    if not independent:
        note = "Only ranks: some of these data sets are made from the same rows, so they are no independent witnesses."
        return found | {"note": note}
    if N <= MORE_DATASETS_THAN or k <= MORE_METHODS_THAN:
        note = (
            f"Only ranks: Friedman's test and a critical difference want more than {MORE_DATASETS_THAN} data sets and "
            f"more than {MORE_METHODS_THAN} methods; here are {N} and {k}."
        )
        return found | {"note": note}
    if (ranks == ranks[:, :1]).all():
        return found | {"note": "Every method has the same rank everywhere."}
    statistic, p = (float(value) for value in stats.friedmanchisquare(*ranks.T))
    found["friedman"] = {"statistic": statistic, "p": p}
    if p >= 1 - level:
        note = f"Friedman's test finds no difference between the ranks (p = {p:.3g}), so no pair is compared."
        return found | {"note": note}
    q = float(stats.studentized_range.ppf(level, k, np.inf)) / math.sqrt(2)
    found["critical_difference"] = q * math.sqrt(k * (k + 1) / (6 * N))
    note = (
        f"Friedman's test tells the ranks apart (p = {p:.3g}); two methods differ where their mean ranks lie further "
        f"apart than Nemenyi's critical difference of {found['critical_difference']:.2f}."
    )
    return found | {"note": note}

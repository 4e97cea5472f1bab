"""Which confusions are the worst, and an order of many classes in which those taken for each other are neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailtune.evaluation.proportions import wilson
from tailtune.profile import Indices


def worst_pairs(counts: Indices) -> list[tuple[int, int]]:
    """Return pairs (truth, answer) that occur, by the lower end of Wilson's interval of their share of the truth.

    Args:
        counts: rows [K, K], the truth by row.

    >>> worst_pairs(np.array([[90, 10, 0], [3, 1, 0], [37, 0, 14]]))
    [(2, 0), (1, 0), (0, 1)]
    """
    totals = counts.sum(axis=1)
    found = [(int(i), int(j)) for i, j in np.argwhere(counts) if i != j]
    return sorted(found, key=lambda pair: (-wilson(int(counts[pair]), int(totals[pair[0]]))[0], pair))


def clustered(counts: Indices, order: Sequence[int]) -> list[int]:
    """Return the classes in an order that puts those side by side that are taken for each other.

    Average linkage of the shares of rows that go either way, its leaves ordered so that neighbours are as near as they
    can be (Bar-Joseph et al. 2001); the end with the larger classes comes first.

    Args:
        counts: rows [K, K], the truth by row.
        order: the classes from the largest in training to the smallest [K].
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    sorted_ = counts[np.ix_(order, order)].astype(np.float64)
    share = sorted_ / np.maximum(sorted_.sum(axis=1, keepdims=True), 1)
    distance = 1 - (share + share.T) / 2
    np.fill_diagonal(distance, 0)
    leaves = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=len(order) <= 1000))
    half = len(leaves) // 2
    if leaves[:half].sum() > leaves[-half:].sum():
        leaves = leaves[::-1]
    return [order[leaf] for leaf in leaves]

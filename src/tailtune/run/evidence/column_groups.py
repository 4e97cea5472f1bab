"""Columns that say much the same, found by their association on some rows, so that they can be shuffled together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
ALIKE = 0.7  # association from which on, on average, columns form a group


def column_groups(columns: Sequence[Floats | Codes | None]) -> list[list[int]]:
    """Return groups of columns, by average linkage of their associations.

    The association of two numbers is their correlation without its sign, of two categories Cramer's V, of a number and
    a category the correlation ratio, the latter two corrected for what chance gives to many levels.

    Args:
        columns: numbers (normal scores of ranks, best) or codes of each row [N]; None for a column of its own.

    Returns:
        Positions of the columns of each group, in their order.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    known = [i for i, column in enumerate(columns) if column is not None]
    alone = [[i] for i, column in enumerate(columns) if column is None]
    if len(known) < 2:
        return [*([i] for i in known), *alone]
    distance = 1 - _associations([column for column in columns if column is not None])
    tree = linkage(squareform(distance, checks=False), method="average")
    cluster = fcluster(tree, 1 - ALIKE, criterion="distance")
    groups = [[known[j] for j in np.flatnonzero(cluster == c)] for c in np.unique(cluster)]
    return sorted([*groups, *alone])


def _associations(columns: list[Floats | Codes]) -> Floats:
    """Symmetric [D, D], 1 on the diagonal."""
    found = np.eye(len(columns))
    for first, second, values in _blocks(columns):
        found[first, second] = found[second, first] = values
    return np.clip(np.nan_to_num(found), 0, 1)


def _blocks(columns: list[Floats | Codes]) -> Iterator[tuple[Codes, Codes, Floats]]:
    """Pairs of columns, as positions of the first ones and of the second ones, and their associations."""
    numbers = {i: column.astype(np.float64) for i, column in enumerate(columns) if column.dtype.kind == "f"}
    codes = {i: column.astype(np.int64) for i, column in enumerate(columns) if column.dtype.kind != "f"}
    places = np.array(list(numbers), dtype=np.int64)
    if numbers:
        values = np.stack(list(numbers.values()), axis=1)
        if len(numbers) > 1:
            first, second = np.triu_indices(len(numbers), 1)
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation = np.abs(np.corrcoef(values, rowvar=False))[first, second]
            yield places[first], places[second], correlation
        for j, code in codes.items():
            yield places, np.full(len(places), j), correlation_ratio(values, code)
    pairs = np.array(list(combinations(codes, 2)), dtype=np.int64).reshape(-1, 2)
    yield pairs[:, 0], pairs[:, 1], np.array([cramers_v(codes[i], codes[j]) for i, j in pairs.tolist()])


def correlation_ratio(values: Floats, codes: Codes) -> Floats:
    """Root of the share of the variance [D] of numbers [N, D] that lies between levels, less what chance gives them.

    Source: Kelley 1935, "An unbiased correlation ratio measure".
    """
    _, level, counts = np.unique(codes, return_inverse=True, return_counts=True)
    n, levels = len(codes), len(counts)
    centred = values - values.mean(axis=0)
    sums = np.zeros((levels, values.shape[1]))
    np.add.at(sums, level, centred)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (sums**2 / counts[:, None]).sum(axis=0) / (centred**2).sum(axis=0)
    corrected = 1 - (1 - share) * (n - 1) / max(n - levels, 1)
    return np.asarray(np.sqrt(np.clip(np.nan_to_num(corrected), 0, 1)))


def cramers_v(a: Codes, b: Codes) -> float:
    """Cramer's V of two categories [N], corrected for chance.

    Source: Bergsma 2013, "A bias-correction for Cramer's V and Tschuprow's T".
    """
    _, first = np.unique(a, return_inverse=True)
    _, second = np.unique(b, return_inverse=True)
    n, r, c = len(a), int(first.max()) + 1, int(second.max()) + 1
    if min(r, c) < 2:
        return 0.0
    counts = np.bincount(first * c + second, minlength=r * c).reshape(r, c)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi = float(((counts - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    r_, c_ = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(phi / max(min(r_, c_) - 1, 1e-9)))

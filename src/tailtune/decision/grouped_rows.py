"""Cross-fitting on rows that may belong to groups: folds that hold groups whole, and standard errors of groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailtune.profile import Floats

Indices = NDArray[np.int64]


def units_of(rows: int, groups: NDArray[np.str_] | None) -> Indices:
    """Return which unit each row belongs to [N]: its group, or itself where there are no groups."""
    return np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)


def unit_folds(targets: Indices, units: Indices, count: int, seed: int) -> Indices:
    """Return the fold of each row [N], from 0 on, with classes spread evenly and no unit in two folds.

    Args:
        targets: class indices [N].
        units: see `units_of`; a unit is dealt out as one of the rarest of its classes.
        count: how many folds; fewer where there are fewer units.
        seed: of the order.

    >>> unit_folds(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2, seed=0).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    number = int(units.max()) + 1
    kind = targets
    if number < len(targets):
        commonest_first = np.argsort(np.argsort(-np.bincount(targets), kind="stable"))
        kind = np.zeros(number, dtype=np.int64)
        np.maximum.at(kind, units, commonest_first[targets])
    order = np.random.default_rng(seed).permutation(number)
    order = order[np.argsort(kind[order], kind="stable")]
    fold = np.empty(number, dtype=np.int64)
    fold[order] = np.arange(number) % count
    return fold[units]


def standard_error(values: Floats, units: Indices) -> float:
    """Return the standard error of the mean of `values` [N], of which those of a unit [N] may be alike.

    >>> alone = standard_error(np.array([1.0, 3.0]), np.array([0, 1]))
    >>> copied = standard_error(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    >>> round(alone, 12), round(copied, 12)
    (1.0, 1.0)
    """
    sums = np.bincount(units, values - values.mean())
    return float(sums.std(ddof=1) * np.sqrt(len(sums)) / len(values)) if len(sums) > 1 else float("inf")

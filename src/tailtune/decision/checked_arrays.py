"""Rows that decisions are fitted on: probabilities and class indices, checked, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tailtune.errors import TailtuneError
from tailtune.profile import Floats, Indices
from tailtune.words import listed, quoted


def read_probabilities(probabilities: ArrayLike) -> Floats:
    """Return class probabilities as float64 [N, K].

    Args:
        probabilities: of each row and class [N, K].

    Raises:
        TailtuneError: another shape, no rows, fewer than two classes, values outside 0..1 or rows whose sum is
            more than 0.01 away from 1 (half precision stays within).

    >>> read_probabilities([[0.75, 0.25]]).tolist()
    [[0.75, 0.25]]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or len(p) == 0 or p.shape[1] < 2:
        raise TailtuneError(f"probabilities must have shape [N, K] with N of 1 and K of 2 or more, however: {p.shape}")
    fine = (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= 0.01)  # also false for what is not finite
    if not fine.all():
        row = int(np.argmin(fine))
        raise TailtuneError(
            f"each row of probabilities must be 0 or more and sum to 1, however row {row} is {p[row].tolist()}; "
            f"apply the softmax to logits first"
        )
    return p


def read_classes(indices: ArrayLike, shape: tuple[int, ...], what: str = "targets") -> Indices:
    """Return class indices as int64 [N] that fit probabilities of `shape` (N, K).

    Raises:
        TailtuneError: another shape, no integers, or an index outside 0..K-1.

    >>> read_classes([1, 0], (2, 2)).tolist()
    [1, 0]
    """
    read = np.asarray(indices)
    if read.shape != shape[:1] or not np.issubdtype(read.dtype, np.integer):
        raise TailtuneError(
            f"{what} must be one class index for each of the {shape[0]} rows, however: "
            f"shape {read.shape}, dtype {read.dtype}"
        )
    if read.min() < 0 or read.max() >= shape[1]:
        raise TailtuneError(
            f"{what} must be class indices 0..{shape[1] - 1}, however they run from {read.min()} to {read.max()}"
        )
    return read.astype(np.int64)


def read_names(names: Sequence[str], classes: int) -> tuple[str, ...]:
    """Return the names of `classes` classes, their indices as text where there are none.

    Raises:
        TailtuneError: another number of names.

    >>> read_names((), 2)
    ('0', '1')
    """
    read = tuple(names) or tuple(str(k) for k in range(classes))
    if len(read) != classes:
        raise TailtuneError(f"{classes} classes need {classes} names, however: {len(read)} names")
    return read


def read_every_class(targets: ArrayLike, shape: tuple[int, ...], names: Sequence[str]) -> Indices:
    """Return class indices [M] among which each class is found.

    Args:
        targets: class indices [M].
        shape: of the probabilities [M, K].
        names: of the classes [K]; their indices where empty.

    Raises:
        TailtuneError: what `read_classes` refuses, or a class without a row.
    """
    y = read_classes(targets, shape)
    known = read_names(names, shape[1])
    absent = [quoted(known[k]) for k in np.flatnonzero(np.bincount(y, minlength=shape[1]) == 0)]
    if absent:
        raise TailtuneError(f"each class needs a validation row, however there is none of {listed(absent)}")
    return y

"""Splits of row positions into train, validation and test: stratified by class, by group where there are groups."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row positions of the three parts, ascending, disjoint, together all rows; `val` and `test` may be empty."""

    train: Indices
    val: Indices
    test: Indices


def stratified(
    targets: ArrayLike,
    test_fraction: float,
    val_fraction: float,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Split:
    """Split rows so that every part has about the class proportions of the whole.

    Without groups each class is split by itself. Of its n rows, shuffled, the test part gets
    round(n * test_fraction) and the validation part round(rest * val_fraction), but at least one row each while rows
    last. Training comes first, then test, then validation: a class of one row is in train only, one of two rows in
    train and test, one of three or more in all parts (a part whose fraction is 0 stays empty and takes no turn).

    With groups no group is in two parts. Every class keeps at least one group in train; a class of two groups or more
    is brought into test, and one of three or more into validation, where the other classes' need for train allows.
    The remaining groups, largest first, go to the part that is furthest behind its share of the group's classes.

    Args:
        targets: class indices [N].
        test_fraction: share of all rows for the test part, 0 for none.
        val_fraction: share of the rows that are not test for the validation part, 0 for none.
        groups: group of each row [N], such as the patient.
        seed: of NumPy's generator that shuffles; the same seed and rows give the same split.

    Returns:
        The positions of each part.

    Raises:
        TailtuneError: a fraction outside [0, 1), no rows, or groups of another length than the targets.

    >>> split = stratified([0] * 8 + [1] * 3, test_fraction=0.25, val_fraction=0.0)
    >>> len(split.train), len(split.val), len(split.test)
    (8, 0, 3)
    """
    y = np.asarray(targets, dtype=np.int64)
    for name, fraction in (("test_fraction", test_fraction), ("val_fraction", val_fraction)):
        if not 0 <= fraction < 1:
            raise TailtuneError(f"{name} must be 0 or more and under 1, however: {name}={fraction}")
    if y.ndim != 1 or len(y) == 0:
        raise TailtuneError(f"a split needs class indices of shape [N] with N of 1 or more, however: shape {y.shape}")
    rng = np.random.default_rng(seed)
    if groups is None:
        part = _by_class(y, test_fraction, val_fraction, rng)
    else:
        labels = np.asarray(groups)
        if labels.shape != y.shape:
            raise TailtuneError(f"{len(y)} rows need {len(y)} groups, however: shape {labels.shape}")
        part = _by_group(y, labels, test_fraction, val_fraction, rng)
    return Split(np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2))


def _sizes(n: int, test_fraction: float, val_fraction: float) -> tuple[int, int]:
    """Rows of the validation and of the test part for a class of `n` rows, see `stratified`."""
    wants_val = val_fraction > 0
    test = min(max(1, round(n * test_fraction)), n - 1) if test_fraction > 0 else 0
    if wants_val and test > 1:  # test leaves one row for validation and one for train
        test = min(test, n - 2)
    val = max(0, min(max(1, round((n - test) * val_fraction)), n - test - 1)) if wants_val else 0
    return val, test


def _by_class(y: Indices, test_fraction: float, val_fraction: float, rng: np.random.Generator) -> NDArray[np.int8]:
    part = np.zeros(len(y), dtype=np.int8)
    for k in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == k))
        val, test = _sizes(len(rows), test_fraction, val_fraction)
        part[rows[:test]] = 2
        part[rows[test : test + val]] = 1
    return part


def _by_group(
    y: Indices, labels: NDArray[Any], test_fraction: float, val_fraction: float, rng: np.random.Generator
) -> NDArray[np.int8]:
    _, group_of_row = np.unique(labels, return_inverse=True)
    classes, class_of_row = np.unique(y, return_inverse=True)
    counts = np.zeros((group_of_row.max() + 1, len(classes)))  # rows of each class in each group [G, K]
    np.add.at(counts, (group_of_row, class_of_row), 1)
    totals = counts.sum(axis=0)
    fractions = np.array([(1 - test_fraction) * (1 - val_fraction), (1 - test_fraction) * val_fraction, test_fraction])

    part_of_group = np.full(len(counts), -1, dtype=np.int8)
    held = np.zeros((3, len(classes)))
    sizes = counts.sum(axis=1)
    order = rng.permutation(len(counts))
    order = order[np.argsort(sizes[order], kind="stable")]  # smallest first, ties at random
    rarest_first = np.argsort((counts > 0).sum(axis=0), kind="stable")
    for part in (0, 2, 1):  # train must see every class; then test, then validation
        if fractions[part] == 0:
            continue
        for k in rarest_first:
            if held[part, k] > 0:
                continue
            free = order[(part_of_group[order] < 0) & (counts[order, k] > 0)]
            if len(free):
                part_of_group[free[0]] = part
                held[part] += counts[free[0]]

    parts = np.flatnonzero(fractions > 0)
    deficit = (fractions[:, None] * totals - held)[parts]  # rows of each class that each part still wants [parts, K]
    for group in order[::-1]:
        if part_of_group[group] < 0:
            # the part whose squared distance to the wanted counts, relative to the class sizes, falls most
            best = int(np.argmax(deficit @ (counts[group] / totals**2)))
            part_of_group[group] = parts[best]
            deficit[best] -= counts[group]
    part_of_row: NDArray[np.int8] = part_of_group[group_of_row]
    return part_of_row


def folds(targets: ArrayLike, count: int, seed: int = 0, groups: ArrayLike | None = None) -> Indices:
    """Return the fold of each row [N], from 0 to `count` - 1, each with about the class proportions of the whole.

    The rows of a class are dealt out in an order drawn by `seed`, and the next class goes on where one has ended. A
    class of one row is in no fold (-1), because without that row nothing could be learnt about it.

    With groups no group is in two folds. They go, largest first, to the fold that is furthest behind its share of the
    group's classes; a group is in no fold where all others with one of its classes would be in the same.

    >>> sorted(folds([0, 0, 0, 0, 1, 1, 2], 2).tolist())
    [-1, 0, 0, 0, 1, 1, 1]
    """
    y = np.asarray(targets, dtype=np.int64)
    if groups is not None:
        return _folds_of_groups(y, np.asarray(groups), count, np.random.default_rng(seed))
    order = np.random.default_rng(seed).permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[by_class] = np.arange(len(y)) % count
    fold[np.bincount(y, minlength=1)[y] == 1] = -1
    return fold


def _folds_of_groups(y: Indices, labels: NDArray[Any], count: int, rng: np.random.Generator) -> Indices:
    _, group_of_row = np.unique(labels, return_inverse=True)
    classes, class_of_row = np.unique(y, return_inverse=True)
    counts = np.zeros((group_of_row.max() + 1, len(classes)))  # rows of each class in each group [G, K]
    np.add.at(counts, (group_of_row, class_of_row), 1)
    totals = counts.sum(axis=0)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts.sum(axis=1)[order], kind="stable")]
    fold_of_group = np.full(len(counts), -1, dtype=np.int64)
    held, ahead = np.zeros((count, len(classes))), totals.copy()
    kept = np.zeros(len(classes))  # rows that are in no fold
    for group in order:
        its = counts[group] > 0
        ahead -= counts[group]
        # a fold must not take the last rows of a class that the others, or what is in no fold, do not have
        elsewhere = held.sum(axis=0) - held + kept + ahead
        free = np.flatnonzero((elsewhere[:, its] > 0).all(axis=1))
        if len(free) == 0:
            kept += counts[group]
            continue
        behind = (totals / count - held[free]) @ (counts[group] / totals**2)
        fold_of_group[group] = free[int(np.argmax(behind))]
        held[fold_of_group[group]] += counts[group]
    return np.asarray(fold_of_group[group_of_row])


def split_hash(train_ids: Iterable[object], val_ids: Iterable[object] | None, test_ids: Iterable[object]) -> str:
    """Return the sha256 over the row identities of each part, whatever the order of the rows within a part.

    Two runs with the same hash trained, selected and tested on the same rows.

    Args:
        train_ids: identity of each training row, such as its row number or image path.
        val_ids: the same of the validation rows; None and no rows are the same.
        test_ids: the same of the test rows.

    Returns:
        64 hexadecimal digits.

    >>> split_hash(["1", "2"], None, ["3"]) == split_hash(["2", "1"], [], ["3"])
    True
    """
    parts = [
        sorted(str(identity) for identity in ids) for ids in (train_ids, () if val_ids is None else val_ids, test_ids)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

"""Rows of the same or nearly the same inputs: with different labels, and again and again with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.audit.finding import SHOWN, Finding, Shown
from tailtune.data.dataset import Dataset, Part
from tailtune.data.likeness.near_pictures import near_picture
from tailtune.data.likeness.picture_signature import signatures
from tailtune.data.likeness.row_hashes import row_hashes
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.leaks.table_rows import alike_rows
from tailtune.words import counted, short_percent

if TYPE_CHECKING:
    import polars as pl

Indices = NDArray[np.int64]


def same_inputs(rows: Part, dataset: Dataset) -> Indices:
    """Return a number for each row [N], the same for rows of the same inputs (by the columns in use, as read)."""
    frame = _columns(rows, dataset)
    hashes = row_hashes(rows.inputs) if frame is None else frame.hash_rows().to_numpy()
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64)


def contradicting(same: Indices, rows: Part, names: tuple[str, ...]) -> Finding | None:
    """Return the rows that have the same inputs as a row of another class; None without any."""
    targets = rows.targets.numpy()
    kinds = np.zeros(int(same.max(initial=-1)) + 1, dtype=np.int64)
    pairs = np.unique(np.stack([same, targets]), axis=1)
    np.add.at(kinds, pairs[0], 1)
    found = np.flatnonzero(kinds[same] > 1)
    if not len(found):
        return None
    sets, number = np.unique(same[found], return_inverse=True)
    order = np.argsort(number, kind="stable")
    return Finding(
        "contradicting",
        "The same inputs, different classes",
        f"{counted(len(found), 'row has', 'rows have')} the same inputs as a row of another class, in "
        f"{counted(len(sets), 'set', 'sets')} ({short_percent(len(found) / len(targets))} of all rows). No model of "
        "these inputs can tell them apart: mend the labels, or find the input that differs.",
        _by_class(targets[found], names),
        tuple(_shown(rows, names, found[at], f"set {number[at] + 1}") for at in order[:SHOWN]),
    )


def copies(same: Indices, rows: Part, names: tuple[str, ...]) -> Finding | None:
    """Return rows that are there more than once with one class; None without any."""
    targets = rows.targets.numpy()
    kept = np.unique(np.stack([same, targets]), axis=1, return_index=True)[1]
    again = np.setdiff1d(np.arange(len(targets)), kept)
    if not len(again):
        return None
    return Finding(
        "copies",
        "Rows that are there again",
        f"{counted(len(again), 'row is a copy', 'rows are copies')} of another one of its class "
        f"({short_percent(len(again) / len(targets))} of all rows), so {len(targets) - len(again):,} are different. "
        "Copies count as rows wherever sizes of classes decide, and teach nothing.",
        _by_class(targets[again], names),
        tuple(_shown(rows, names, row, "") for row in again[:SHOWN]),
    )


def near_of_other_classes(rows: Part, dataset: Dataset, same: Indices) -> Finding | None:
    """Return rows that are nearly the same as one of another class, in all but one column or as a picture moved,
    mirrored or brightened; None without any.

    Classes are split in two by each binary digit of their index, so that any two are apart once.
    """
    targets, like = rows.targets.numpy(), np.full(len(rows), -1, dtype=np.int64)
    pictures = signatures(rows.inputs[0]) if dataset.kind == "image" else None
    frame = _columns(rows, dataset)
    if pictures is None and frame is None:
        return None
    for digit in range(max(1, int(targets.max()).bit_length())):
        known, asked = (np.flatnonzero((targets >> digit) & 1 == bit) for bit in (0, 1))
        if not len(known) or not len(asked):
            continue
        if pictures is not None:
            all_of_them, grey = pictures
            found = near_picture(all_of_them.take(known), all_of_them.take(asked), grey[asked])
        else:
            assert frame is not None
            alike = alike_rows(frame[known], frame[asked], _numeric(dataset))
            found = np.where(alike.surprising, alike.near, -1)
        hits = np.flatnonzero(found >= 0)
        like[asked[hits]] = known[found[hits]]
    near = np.flatnonzero((like >= 0) & (same != same[like]))
    if not len(near):
        return None
    things = ("picture is", "pictures are") if dataset.kind == "image" else ("row is", "rows are")
    names = dataset.names
    return Finding(
        "near",
        "Nearly the same, different classes",
        f"{counted(len(near), *things)} nearly the same as one of another class. Look at them: one of the two labels "
        "may be wrong, or the classes are not apart in what the model sees.",
        _by_class(targets[near], names),
        tuple(
            _shown(rows, names, row, f"like {rows.ids[like[row]]} of {names[targets[like[row]]]}")
            for row in near[:SHOWN]
        ),
    )


def _columns(rows: Part, dataset: Dataset) -> pl.DataFrame | None:
    """The input columns as they were read; None of pictures and arrays."""
    if rows.frame is None or not isinstance(dataset.preprocessor, TablePreprocessor):
        return None
    names = [column.name for column in dataset.preprocessor.columns if not rows.frame[column.name].dtype.is_nested()]
    return rows.frame.select(names)


def _numeric(dataset: Dataset) -> set[str]:
    columns = getattr(dataset.preprocessor, "columns", ())
    return {column.name for column in columns if column.kind == "numeric" and not column.form}


def _shown(rows: Part, names: tuple[str, ...], row: int, note: str) -> Shown:
    return Shown(int(row), str(rows.ids[row]), names[int(rows.targets[row])], note)


def _by_class(labels: Indices, names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(names))
    return {names[k]: int(counts[k]) for k in np.argsort(-counts, kind="stable") if counts[k]}

"""`Fingerprint`: which rows, columns, classes and parts a run was made of, so that it is not gone on with on others."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.stored_pictures import StoredPictures

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset, Part

NAMED = 3  # columns or classes that a message names


@dataclass(frozen=True)
class Fingerprint:
    """What a data set is, short enough to keep.

    Attributes:
        columns: those in use, with how they are read; of pictures their size.
        classes: names [K], in class order.
        rows: of all parts.
        ids: hash of the identities of the rows.
        labels: hash of the identities and classes.
        values: hash of the encoded values of every part.
        split: hash of which row is in which part.
        beside: hash of the groups, times and weights of the rows.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    rows: int
    ids: str
    labels: str
    values: str
    split: str
    beside: str = ""


def fingerprint(dataset: Dataset) -> Fingerprint:
    """Return what `dataset` is. Pictures in a file count by the checksums that were taken when they were decoded."""
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    ids = np.concatenate([part.ids for part in parts])
    targets = np.concatenate([part.targets.numpy() for part in parts])
    order = np.lexsort((targets, ids))  # that of the split says nothing about the rows
    named = _digest([ids[order].astype("U").tobytes()])
    return Fingerprint(
        columns=_columns(dataset),
        classes=tuple(dataset.names),
        rows=len(ids),
        ids=named,
        labels=_digest([named.encode(), targets[order].tobytes()]),
        values=_digest(piece for part in parts for piece in _values(part)),
        split=dataset.split_hash,
        beside=_digest(piece for part in parts for piece in _beside(part)),
    )


def what_changed(before: Fingerprint, now: Fingerprint) -> str | None:
    """Return what of the data is another than before, in words for behind a colon; None where nothing is."""
    if before.columns != now.columns:
        return _listed("column", before.columns, now.columns)
    if before.classes != now.classes:
        return _listed("class", before.classes, now.classes)
    if before.rows != now.rows:
        return f"{now.rows:,} rows instead of {before.rows:,}"
    if before.ids != now.ids:
        return "the rows have other names"
    if before.labels != now.labels:
        return "rows have other classes, or stand in another order"
    if before.split != now.split:
        return "the same rows are split in another way"
    if before.values != now.values:
        return "rows have other values"
    if before.beside != now.beside:
        return "rows have other groups, times or weights"
    return None


def _columns(dataset: Dataset) -> tuple[str, ...]:
    columns: Any = getattr(dataset.preprocessor, "columns", None)
    if columns is not None:
        return tuple(f"{column.name} ({column.kind})" for column in columns)
    rendering = getattr(dataset.preprocessor, "rendering", None)
    made = () if rendering is None else (f"resize {rendering.resize}", f"levels {rendering.levels}")
    return (*(f"{name} {size}" for name, size in dataset.preprocessor.shape().items()), *made)


def _values(part: Part) -> Iterable[bytes]:
    import torch

    for x in part.inputs:
        if isinstance(x, StoredPictures):
            yield x.store.checksums[x.rows].tobytes()
        elif x.dtype == torch.uint8:  # pictures, alike in memory and in a file
            pixels = np.ascontiguousarray(x.numpy())
            yield np.array([zlib.crc32(picture.data) for picture in pixels], dtype=np.uint32).tobytes()
        else:
            yield np.ascontiguousarray(x.numpy()).tobytes()


def _beside(part: Part) -> Iterable[bytes]:
    order = np.argsort(part.ids, kind="stable")
    if part.groups is not None:
        yield b"groups" + part.groups[order].astype("U").tobytes()
    if part.times is not None:
        yield b"times" + part.times[order].tobytes()
    if part.weights is not None:
        yield b"weights" + part.weights.numpy()[order].tobytes()


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _listed(noun: str, before: tuple[str, ...], now: tuple[str, ...]) -> str:
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    words = [
        f"{which} {', '.join(repr(name) for name in names[:NAMED])}{', ...' if len(names) > NAMED else ''}"
        for which, names in (("no longer", gone), ("now also", new))
        if names
    ]
    return f"{noun} {' and '.join(words)}" if words else f"the {noun} order is another"

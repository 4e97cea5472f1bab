"""Hashes of encoded rows and of pixels, by which the same values are known again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from tailtune.data.sources import Sources

BATCH = 256  # pictures that are in memory at a time

Hashes = NDArray[np.uint64]


def row_hashes(inputs: Sources) -> Hashes:
    """Return a hash of the encoded values of each row [N]: BLAKE2b of 8 bytes."""
    first = inputs[0]
    hashes = np.empty(first.shape[0], dtype=np.uint64)
    for start in range(0, len(hashes), BATCH):
        rows = np.arange(start, min(start + BATCH, len(hashes)))
        if hasattr(first, "read"):
            columns = [_bytes(first.read(rows))]
        else:
            columns = [_bytes(x[start : start + BATCH]) for x in cast("tuple[torch.Tensor, ...]", inputs)]
        values = np.ascontiguousarray(np.concatenate(columns, axis=1))
        digests = (hashlib.blake2b(row.data, digest_size=8).digest() for row in values)
        hashes[rows] = np.frombuffer(b"".join(digests), dtype=np.uint64)
    return hashes


def positions(known: Hashes, asked: Hashes) -> NDArray[np.int64]:
    """Return where each of `asked` [M] stands in `known` [N], -1 where it does not.

    >>> positions(np.array([7, 3], dtype=np.uint64), np.array([3, 4], dtype=np.uint64)).tolist()
    [1, -1]
    """
    if not len(known):
        return np.full(len(asked), -1, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    return np.where(known[order[at]] == asked, order[at], -1)


def _bytes(rows: torch.Tensor) -> NDArray[np.uint8]:
    """The values of each row as bytes [B, ...]."""
    values = np.ascontiguousarray(rows.numpy().reshape(len(rows), -1))
    return values.view(np.uint8).reshape(len(rows), values.shape[1] * values.itemsize)

"""Which rows a run was trained on: a hash of each, kept with it, so that scoring can tell rows that it has seen."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.run.manifest import check_file

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Dataset
    from tailtune.training.read_ahead import Sources

FILE = "trained_rows.npy"
BATCH = 256  # pictures that are in memory at a time
Hashes = NDArray[np.uint64]


def write_trained_rows(folder: Path, dataset: Dataset) -> None:
    """Write trained_rows.npy: the hashes of the training and validation rows, ascending, each once (uint64)."""
    train = dataset.train.inputs if dataset.as_new is None else dataset.as_new
    parts = [train] if dataset.val is None else [train, dataset.val.inputs]
    hashes = np.unique(np.concatenate([row_hashes(inputs) for inputs in parts]))
    buffer = io.BytesIO()
    np.save(buffer, hashes, allow_pickle=False)
    write_whole(folder / FILE, buffer.getvalue())


def trained_on(folder: Path, inputs: Sources) -> NDArray[np.bool_]:
    """Return of each row of `inputs` [N] whether the run in `folder` saw one of the same values in training.

    Args:
        folder: of the run.
        inputs: rows that its preprocessor encoded, without their targets; pictures in files are read batch by batch.

    Raises:
        TailtuneError: the run keeps no record of its rows, or one that cannot be read.
    """
    path = check_file(folder, FILE)
    try:
        known = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TailtuneError(
            f"{path}, which tells rows that were trained on, cannot be read ({error}); run the fit again"
        ) from error
    return np.isin(row_hashes(inputs), known)


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


def _bytes(rows: torch.Tensor) -> NDArray[np.uint8]:
    """The values of each row as bytes [B, ...]."""
    values = np.ascontiguousarray(rows.numpy().reshape(len(rows), -1))
    return values.view(np.uint8).reshape(len(rows), values.shape[1] * values.itemsize)

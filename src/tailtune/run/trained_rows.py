"""Which rows a run was trained on: a hash of each, kept with it, so that scoring can tell rows that it has seen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.row_hashes import row_hashes
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.run.manifest import check_file

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.data.sources import Sources

FILE = "trained_rows.npy"


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

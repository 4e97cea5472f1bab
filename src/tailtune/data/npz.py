"""The arrays of an .npz file, read and checked, before it is known whether they are a table or images."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

Array = NDArray[Any]
Arrays = dict[str, Array]


def read_arrays(path: Path) -> Arrays:
    """Read the arrays of an .npz file; their names come in lower case.

    Raises:
        TailtuneError: no such archive, a damaged one, or Python objects in it, which would have to be unpickled.
    """
    name = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: Arrays = {}
            for name in archive.files:
                arrays[name.lower()] = archive[name]
            return arrays
    except ValueError as error:
        if not name or "allow_pickle" not in str(error):
            _refuse_damaged(path)
        raise TailtuneError(
            f"{path}: array {name!r} holds Python objects, which are not read for safety; save numbers, or text with "
            "x.astype(str)"
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile, AttributeError, TypeError):
        _refuse_damaged(path)


def _refuse_damaged(path: Path) -> NoReturn:
    raise TailtuneError(f"{path} is damaged or no .npz archive; write it with numpy.savez(path, x=..., y=...)")


def check_features(x: Array, where: str) -> Array:
    """Return x [N, ...] of two to four dimensions with at least one row and one column.

    Raises:
        TailtuneError: another shape.
    """
    if x.ndim not in (2, 3, 4) or x.size == 0:
        raise TailtuneError(
            f"{where} has shape {x.shape}; a table is [N, D], images are [N, H, W] or [N, H, W, C], with N of 1 or more"
        )
    return x


def check_targets(y: Array, rows: int, where: str) -> Array:
    """Return y as [N]; a column [N, 1] is accepted.

    Raises:
        TailtuneError: another number of rows, one-hot targets, or several labels a row.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf" and ((y != 0).sum(axis=1) == 1).all():
        raise TailtuneError(f"{where} has shape {y.shape} and looks one-hot; save class indices: y.argmax(axis=1)")
    if y.ndim != 1:
        raise TailtuneError(
            f"{where} has shape {y.shape}, so several labels a row; give one a row [N], or train one model a label"
        )
    if len(y) != rows:
        raise TailtuneError(f"{where} has {len(y)} rows and x has {rows}; they must be the same rows in the same order")
    return y


def array_ids(name: str, count: int) -> NDArray[np.str_]:
    """Return the identities ``x_train[0]``, ``x_train[1]``, ... of rows of an array called `name` [count]."""
    return np.array([f"{name}[{row}]" for row in range(count)], dtype=np.str_)

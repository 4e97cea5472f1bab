"""Data sets in .npz files: x and y, or x_train, y_train, x_test, y_test and, if wanted, x_val, y_val."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tailtune.data.frames import column_series, to_frame
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

Array = NDArray[Any]
Arrays = dict[str, Array]

TARGET = "y"
"""What the target column of a table made from arrays is called; the features are f0, f1, ..."""


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


def open_arrays(reading: Reading) -> Dataset:
    """Open an .npz file: two-dimensional x is a table, pixels [N, H, W], [N, H, W, C] or [N, C, H, W] are images.

    Args:
        reading: `data` is the path; `group` may name a further array with one value a row (with _train and so on behind
            it where x has that).

    Returns:
        The data set; parts that the file does not have are split from its training rows.

    Raises:
        TailtuneError: arrays that are lacking, do not fit together, or cannot be learnt from.
    """
    path = Path(reading.data)
    arrays = read_arrays(path)
    if reading.target not in (None, TARGET):
        raise TailtuneError(f"{path}: the targets of an .npz file are its array y; leave --target {reading.target} out")
    first = "_train" if "x_train" in arrays else ""
    suffixes = [suffix for suffix in (first, "_val", "_test") if f"x{suffix}" in arrays]
    if first not in suffixes or (first == "" and len(suffixes) > 1):
        _refuse_names(path, arrays)
    pairs = {suffix: _pair(arrays, suffix, path) for suffix in suffixes}
    shapes = {x.shape[1:] for x, _ in pairs.values()}
    if len(shapes) > 1:
        raise TailtuneError(f"{path}: x of all parts must agree but for the number of rows, however: {sorted(shapes)}")
    if len(shapes.pop()) > 1:
        from tailtune.data.images import dataset_from_arrays

        given = {f"{key}{part}": array for part, pair in pairs.items() for key, array in zip("xy", pair, strict=True)}
        return dataset_from_arrays(reading, **given)
    rows = {suffix or "_train": _rows(reading, arrays, suffix, path) for suffix in suffixes}
    return table_dataset(reading, TARGET, rows["_train"], rows.get("_val"), rows.get("_test"))


def _refuse_names(path: Path, arrays: Arrays) -> NoReturn:
    raise TailtuneError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}; it needs x and y, or x_train, y_train, x_test and "
        "y_test (and x_val and y_val, if there is validation)"
    )


def _pair(arrays: Arrays, suffix: str, path: Path) -> tuple[Array, Array]:
    """Return x [N, ...] and y [N] of a part.

    Raises:
        TailtuneError: y is lacking, of another length, or has several values a row; x has no rows or one dimension.
    """
    x, y = arrays[f"x{suffix}"], arrays.get(f"y{suffix}")
    if y is None:
        _refuse_names(path, arrays)
    return check_features(x, f"{path}: x{suffix}"), check_targets(y, len(x), f"{path}: y{suffix}")


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


def _rows(reading: Reading, arrays: Arrays, suffix: str, path: Path) -> Rows:
    x, y = _pair(arrays, suffix, path)
    frame = to_frame(x).with_columns(column_series(TARGET, y))
    group = None if reading.group is None else arrays.get(f"{reading.group}{suffix}".lower())
    if reading.group is not None and group is not None:
        if group.shape != y.shape:
            raise TailtuneError(
                f"{path}: {reading.group}{suffix} has shape {group.shape}; it needs {y.shape}, as y has"
            )
        frame = frame.with_columns(column_series(reading.group, group))
    return Rows(frame, array_ids(f"x{suffix}", len(x)), f"{path} (x{suffix})")

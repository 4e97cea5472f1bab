"""Data sets in .npz files: x and y, or x_train, y_train, x_test, y_test and, if wanted, x_val, y_val."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tailtune.data.frames import column_series, to_frame
from tailtune.data.npz import (
    Array,
    Arrays,
    array_ids,
    check_features,
    check_targets,
    columns_beside,
    read_arrays,
)
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TARGET = "y"
"""What the target column of a table made from arrays is called; the features are f0, f1, ..."""


def open_arrays(reading: Reading) -> Dataset:
    """Open an .npz file: two-dimensional x is a table, pixels [N, H, W], [N, H, W, C] or [N, C, H, W] are images.

    Args:
        reading: `data` is the path; `group`, `time`, `weight` and of tables `amounts` may name further arrays with one
            value a row (with _train and so on behind their names where x has that).

    Returns:
        The data set; parts that the file does not have are split from its training rows.

    Raises:
        TailtuneError: arrays that are lacking, do not fit together, or cannot be learnt from.
    """
    return dataset_of_arrays(reading, read_arrays(Path(reading.data), _suffixes), reading.data)


def dataset_of_arrays(reading: Reading, arrays: Arrays, path: str) -> Dataset:
    """Make a data set of arrays by their names, see `open_arrays`; `path` is where they are from, for messages.

    Raises:
        TailtuneError: as `open_arrays`.
    """
    if reading.target not in (None, TARGET):
        raise TailtuneError(f"{path}: the targets of arrays are the one called y; leave --target {reading.target} out")
    suffixes = _suffixes(arrays, path)
    pairs = {suffix: _pair(arrays, suffix, path) for suffix in suffixes}
    shapes = {x.shape[1:] for x, _ in pairs.values()}
    if len(shapes) > 1:
        raise TailtuneError(f"{path}: x of all parts must agree but for the number of rows, however: {sorted(shapes)}")
    if len(shapes.pop()) > 1:
        from tailtune.data.images import dataset_from_arrays

        return dataset_from_arrays(reading, **arrays)
    rows = {suffix or "_train": _rows(reading, arrays, suffix, path) for suffix in suffixes}
    return table_dataset(reading, TARGET, rows["_train"], rows.get("_val"), rows.get("_test"))


def _suffixes(names: Collection[str], path: str | Path) -> list[str]:
    """Return what stands behind x and y of the parts that there are: nothing for all rows in one, or _train and so on.

    Raises:
        TailtuneError: the rows to train on, or the y of an x, are not among the names of the arrays.
    """
    first = "_train" if "x_train" in names else ""
    suffixes = [suffix for suffix in (first, "_val", "_test") if f"x{suffix}" in names]
    whole = first in suffixes and (first == "_train" or len(suffixes) == 1)
    if not whole or any(f"y{suffix}" not in names for suffix in suffixes):
        raise TailtuneError(
            f"{path} holds the arrays {', '.join(names) or '(none)'}; it needs x and y, or x_train, y_train, x_test "
            "and y_test (and x_val and y_val, if there is validation)"
        )
    return suffixes


def _pair(arrays: Arrays, suffix: str, path: str) -> tuple[Array, Array]:
    """Return x [N, ...] and y [N] of a part.

    Raises:
        TailtuneError: y is of another length or has several values a row; x has no rows or one dimension.
    """
    x, y = arrays[f"x{suffix}"], arrays[f"y{suffix}"]
    return check_features(x, f"{path}: x{suffix}"), check_targets(y, len(x), f"{path}: y{suffix}")


def _rows(reading: Reading, arrays: Arrays, suffix: str, path: str) -> Rows:
    x, y = _pair(arrays, suffix, path)
    named = (reading.group, reading.time, reading.weight, *reading.amounts)
    beside = columns_beside(arrays, named, suffix, len(y), path)
    columns = {TARGET: y} | beside
    frame = to_frame(x).with_columns([column_series(name, array) for name, array in columns.items()])
    return Rows(frame, array_ids(f"x{suffix}", len(x)), f"{path} (x{suffix})")

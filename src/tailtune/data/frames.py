"""Frames from what is in memory: polars and pandas frames, NumPy arrays and lists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.tables import check_names
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import polars as pl


def to_frame(X: Any) -> pl.DataFrame:
    """Return `X` as a polars frame.

    Args:
        X: a polars frame, a pandas frame (neither pandas nor pyarrow is imported), or a NumPy array or a list of rows
            [N, D], which may hold objects. Columns of arrays and lists are called f0, f1, ...

    Returns:
        The frame [N, D]. Columns of objects become booleans, whole numbers, numbers, times or text, whichever holds
        all their values; None, NaN, NaT and pandas' NA are missing.

    Raises:
        TailtuneError: not two-dimensional, ragged, complex or sparse, or two columns of one name.

    >>> to_frame([[1, "a"], [2, None]]).to_dict(as_series=False)
    {'f0': [1, 2], 'f1': ['a', None]}
    """
    import polars as pl

    if isinstance(X, pl.LazyFrame):
        return X.collect()
    if isinstance(X, pl.DataFrame):
        return X
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return _from_pandas(X)
    if hasattr(X, "tocsr"):
        raise TailtuneError("a sparse matrix cannot be read as a table; make it dense with .toarray()")
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        X = _from_rows(X)
    array = np.asarray(X)
    if array.ndim != 2:
        raise TailtuneError(
            f"Expected 2D array, got {array.ndim}D array instead: shape {array.shape}. Reshape your data to [N, D]; "
            "one feature is X.reshape(-1, 1), one sample is X.reshape(1, -1)"
        )
    if array.dtype.kind == "c":
        raise TailtuneError("Complex data not supported: give real and imaginary parts as two columns")
    return pl.DataFrame([column_series(f"f{j}", array[:, j]) for j in range(array.shape[1])])


def _from_rows(rows: Sequence[Any]) -> NDArray[Any]:
    lengths = {len(row) if hasattr(row, "__len__") and not isinstance(row, str) else -1 for row in rows}
    if len(lengths) > 1:
        raise TailtuneError(f"rows of a table need one length, however: lengths {sorted(lengths)}")
    if lengths <= {-1} or not all(isinstance(row, list | tuple) for row in rows):
        return np.asarray(rows)
    array = np.empty((len(rows), lengths.pop()), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def _from_pandas(X: Any) -> pl.DataFrame:
    import polars as pl

    names = check_names([str(label) for label in X.columns], "the data frame")
    columns = []
    for j, name in enumerate(names):
        column = X.iloc[:, j]
        plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufM"
        values = column.to_numpy() if plain else column.astype(object).to_numpy()
        columns.append(column_series(name, values))
    return pl.DataFrame(columns)


def column_series(name: str, values: NDArray[Any]) -> pl.Series:
    """Return one column of an array, objects too, as a polars series, see `to_frame`.

    Args:
        name: of the series.
        values: one value a row [N], of any dtype but complex.

    Returns:
        The series [N].

    Raises:
        TailtuneError: bytes or text that are not UTF-8.
    """
    try:
        return _column_series(name, values)
    except UnicodeError as error:
        raise TailtuneError(f"column {name!r} holds text that is not UTF-8; decode it first") from error


def _column_series(name: str, values: NDArray[Any]) -> pl.Series:
    import polars as pl

    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.dtype.kind == "U":
        _refuse_no_characters(values)
    if values.dtype.kind == "M":
        return pl.Series(name, values.astype("datetime64[us]"))
    if values.dtype.kind == "f" and values.dtype.itemsize != 4:  # float16 and long doubles have no polars type
        with np.errstate(over="ignore", invalid="ignore"):  # beyond it: infinite, and refused by the reader
            return pl.Series(name, values.astype(np.float64))
    if values.dtype.kind in "buif":
        return pl.Series(name, np.ascontiguousarray(values))
    objects = [_none_if_missing(value) for value in values.tolist()]
    present = {type(value) for value in objects if value is not None}
    dtype, convert = _common_type(present)
    if dtype == pl.Int64 and any(value is not None and not -(2**63) <= value < 2**63 for value in objects):
        dtype, convert = pl.Float64(), float
    converted = [None if value is None else convert(value) for value in objects]
    if dtype == pl.String:
        "".join(filter(None, converted)).encode()  # lone surrogates, which polars would take and stumble over later
    return pl.Series(name, converted, dtype=dtype)


def _refuse_no_characters(values: NDArray[np.str_]) -> None:
    """Refuse numbers in the place of characters, of which Python and polars would make damaged text.

    Raises:
        UnicodeError: a number beyond the last character.
    """
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    if native.nbytes and native.view(np.uint32).max() > sys.maxunicode:
        raise UnicodeError("a character beyond the last one")


def _common_type(present: set[type]) -> tuple[Any, Callable[[Any], Any]]:
    """Return the polars type that holds all values of these types, and the function that converts them to it."""
    import polars as pl

    def all_are(*kinds: type) -> bool:
        return bool(present) and all(issubclass(kind, kinds) for kind in present)

    if all_are(bool, np.bool_):
        return pl.Boolean(), bool
    if all_are(int, np.integer):
        return pl.Int64(), int
    if all_are(int, float, np.integer, np.floating):
        return pl.Float64(), float
    if bool(present) and all(hasattr(kind, "isoformat") for kind in present):
        return pl.String(), lambda value: value.isoformat()
    return pl.String(), str


def _none_if_missing(value: Any) -> Any:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value

"""Columns of a table as the axes of a plane, and the rows that lie on it with all other columns at typical values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.columns import UNKNOWN_NUMBER, numbers, texts, truths

if TYPE_CHECKING:
    import polars as pl

    from tailtune.data.schema import Column

SIDE, LEVELS = 48, 12  # numbers, and levels at most, along an axis
CASES = ("categorical", "boolean", "many")


@dataclass(frozen=True)
class Axis:
    """The values of one column that the grid takes.

    Attributes:
        name: of the column.
        values: as the table holds them.
        places: of these on the axis.
        labels: words for the values, where they are cases and not numbers.
    """

    name: str
    values: pl.Series
    places: tuple[float, ...]
    labels: tuple[str, ...] = ()

    def place(self, value: Any) -> float | None:
        """Return where a value of the column is on the axis; None where it is not on it."""
        if self.labels:
            known = self.values.to_list()
            return float(known.index(value)) if value in known else None
        on_it = value is not None and self.places[0] <= float(value) <= self.places[-1]
        return float(value) if on_it else None


def has_axis(column: Column) -> bool:
    """Return whether a column is one of numbers or cases; dates and text have no axis."""
    return column.kind in (*CASES, "numeric")


def as_read(rows: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the columns in use, numbers as floats and levels as text, None where there is no value."""
    import polars as pl

    def read(column: Column) -> pl.Series:
        series = rows[column.name]
        if column.kind == "numeric":
            return pl.Series(column.name, numbers(series, UNKNOWN_NUMBER, column.form)[0]).fill_nan(None)
        if column.kind in CASES:
            return truths(series) if column.kind == "boolean" else texts(series)
        return series

    return pl.DataFrame([read(column) for column in columns])


def axis_of(column: Column, frame: pl.DataFrame) -> Axis:
    """Return numbers from the 1st to the 99th percentile of the training rows, or the most frequent levels."""
    import polars as pl

    series = frame[column.name].drop_nulls()
    if column.kind in CASES:
        counts = series.value_counts(sort=True).head(LEVELS)[column.name]
        levels = counts.sort()
        return Axis(column.name, levels, tuple(map(float, range(len(levels)))), tuple(map(str, levels.to_list())))
    low, high = (float(series.quantile(q, "linear") or 0.0) for q in (0.01, 0.99))
    if low == high:
        low, high = low - 0.5, high + 0.5
    places = np.linspace(low, high, SIDE)
    return Axis(column.name, pl.Series(column.name, places), tuple(places.tolist()))


def typical_value(series: pl.Series) -> Any:
    """Return the median of numbers, and otherwise the most frequent value, the first in order of those as frequent."""
    known = series.drop_nulls()
    if not len(known):
        return None
    if series.dtype.is_numeric():
        return known.median()
    return known.mode().sort()[0]


def cells(across: Axis, up: Axis, typical: Mapping[str, Any], frame: pl.DataFrame) -> pl.DataFrame:
    """Rows for all cells, those of the lowest value of `up` first."""
    import polars as pl

    rows = len(across.values) * len(up.values)
    at: dict[str, pl.Series] = {}
    for name, value in typical.items():
        at[name] = pl.Series(name, [value], dtype=frame[name].dtype).new_from_index(0, rows)
    at[across.name] = pl.concat([across.values] * len(up.values))
    at[up.name] = up.values.gather(np.repeat(np.arange(len(up.values)), len(across.values)))
    return pl.DataFrame(list(at.values()))

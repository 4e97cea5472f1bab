"""One column of a table read as text, numbers, truth values or dates, with missing values told apart from bad ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.written import Form, plain_date, plain_number
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "?", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null")
"""Texts, in lower case, that mean "no value" in every column."""
MISSING_NUMBER = (*MISSING, "none", "-", ".")
"""Texts that mean "no value" among numbers and dates; among categories "none" is a category."""

UNKNOWN_NUMBER = ("unknown", "unk", "n.a.", "missing", "not available", "not known", "undefined", "nil", "tbd", "--")
"""Texts that mean the same where all else is numbers, which is said when it is found."""

TRUTH_PAIRS = (("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"), ("off", "on"), ("0", "1"))
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
)
ZONED_FORMATS = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")

LARGEST, SMALLEST = 1e150, 1e-150  # magnitudes whose squares and quotients are still numbers
YEARS = (-62_135_596_800, 253_402_300_800)  # seconds since 1970 at which the years 1 and 10000 begin
CELLS = 1 << 20  # worked on at once
_UNITS = {"ns": 1e9, "us": 1e6, "ms": 1e3, "day": 1 / 86_400}  # of times, in a second

Floats = NDArray[np.float64]


def texts(column: pl.Series) -> pl.Series:
    """Read a column as text, so that one value has one spelling whatever the file type.

    Text is stripped and None where it means "no value" (`MISSING`); whole numbers have no point, truth values are
    "false" and "true", dates are in ISO form.

    Raises:
        TailtuneError: lists, structs, bytes, objects, or times outside the calendar.

    >>> import polars as pl
    >>> texts(pl.Series([1.0, 2.5, None])).to_list(), texts(pl.Series([" a", "?"])).to_list()
    (['1', '2.5', None], ['a', None])
    """
    import polars as pl

    _refuse_unreadable(column)
    if column.dtype.is_decimal():
        column = column.cast(pl.Float64)
    if column.dtype == pl.Duration:
        column = _seconds(column)
    if column.dtype.is_float():
        return column.fill_nan(None).cast(pl.String).replace("-0.0", "0.0").str.strip_suffix(".0")
    if column.dtype.is_integer() or column.dtype in (pl.Boolean, pl.Null) or column.dtype.is_temporal():
        return column.cast(pl.String)
    return _known(column.cast(pl.String), MISSING)


def _refuse_unreadable(column: pl.Series) -> None:
    """Refuse what no column can be read from.

    Raises:
        TailtuneError: lists, structs, bytes, objects, or times outside the calendar, which polars cannot write out.
    """
    import polars as pl

    if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary):
        raise TailtuneError(
            f"column {column.name!r} holds values of type {column.dtype}; write text, numbers or dates instead"
        )
    if column.dtype not in (pl.Date, pl.Datetime, pl.Time):
        return
    ends = (column.to_physical().min(), column.to_physical().max())
    unit = _UNITS["ns" if column.dtype == pl.Time else getattr(column.dtype, "time_unit", "day")]
    low, high = (0, 86_400) if column.dtype == pl.Time else YEARS
    if ends[0] is not None and (ends[0] / unit < low or ends[1] / unit >= high):
        raise TailtuneError(
            f"column {column.name!r} holds times outside the years 1 to 9999 or the 24 hours of a day; leave them "
            "empty where they are unknown"
        )


def _seconds(column: pl.Series) -> pl.Series:
    """Read durations, and times of the day, which count nanoseconds, as seconds."""
    import polars as pl

    return column.cast(pl.Int64) / _UNITS[getattr(column.dtype, "time_unit", "ns")]


def _known(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """Strip the texts and put None in the place of those that mean "no value"."""
    import polars as pl

    text = pl.col("text").str.strip_chars()
    frame = pl.DataFrame({"text": column})
    return frame.select(pl.when(~text.str.to_lowercase().is_in(missing)).then(text))["text"].alias(column.name)


def numbers(column: pl.Series, missing: tuple[str, ...] = (), form: Form = "") -> tuple[Floats, pl.Series]:
    """Read a column as numbers.

    Args:
        column: numbers, truth values, durations (seconds), times of day (seconds), or text [N].
        missing: further texts, in lower case, that mean "no value".
        form: how text is written, see `number_form`.

    Returns:
        The numbers, NaN where there is none [N]; and whether a value is there but is no number [N], as a series.

    Raises:
        TailtuneError: what `texts` refuses.
    """
    import polars as pl

    _refuse_unreadable(column)

    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64)
        bad = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    elif column.dtype in (pl.Duration, pl.Time):
        values = _seconds(column)
        bad = pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String)
        values = text.cast(pl.Float64, strict=False)
        if form or values.null_count() > text.null_count():  # not plain numbers only
            text = _known(text, (*MISSING_NUMBER, *missing))
            plain = text if not form else text.to_frame("text").select(plain_number(pl.col("text"), form))["text"]
            values = plain.cast(pl.Float64, strict=False)
        bad = text.is_not_null() & values.is_null()
    else:
        values = pl.repeat(None, len(column), dtype=pl.Float64, eager=True)
        bad = column.is_not_null()
    return values.fill_null(float("nan")).to_numpy().astype(np.float64), bad


def plain_numbers(columns: Iterable[pl.Series]) -> dict[str, Floats]:
    """Read at once all columns that hold nothing but numbers, as `numbers` does one; the others are not in the result.

    A table may have 100,000 columns, and whatever is done with a single one costs more than reading its numbers.

    Args:
        columns: numbers, text or others [N].

    Returns:
        The numbers of a column by its name, NaN where there is none [N].

    >>> import polars as pl
    >>> plain_numbers([pl.Series("a", ["1", None]), pl.Series("b", ["1", "x"])])
    {'a': array([ 1., nan])}
    """
    import polars as pl

    found: dict[str, Floats] = {}
    for some, cells in joined(column for column in columns if column.dtype.is_numeric() or column.dtype == pl.String):
        read = cells.cast(pl.Float64, strict=False)
        plain = (read.is_null() == cells.is_null()).to_numpy().reshape(len(some), -1).all(axis=1)
        values = read.to_numpy().reshape(len(some), -1)
        found |= {some[j].name: values[j] for j in np.flatnonzero(plain).tolist()}
    return found


def joined(columns: Iterable[pl.Series]) -> Iterator[tuple[list[pl.Series], pl.Series]]:
    """Yield columns of one type [D], and their values behind one another [D * N], some columns at a time."""
    import polars as pl

    alike: dict[pl.DataType, list[pl.Series]] = {}
    for column in columns:
        alike.setdefault(column.dtype, []).append(column)
    for every in alike.values():
        for part in blocks(len(every), len(every[0])):
            some = every[part]
            yield some, pl.concat(some) if len(some) > 1 else some[0]


def blocks(columns: int, rows: int) -> Iterator[slice]:
    """Split columns so that those of a wide table are worked on at once, and those of a long one take little memory."""
    size = max(1, CELLS // max(1, rows))
    for start in range(0, columns, size):
        yield slice(start, start + size)


def truths(column: pl.Series) -> pl.Series:
    """Read a column as "false", "true" and None; other texts stay as they are, in lower case."""
    words = {word: ("false", "true")[side] for pair in TRUTH_PAIRS for side, word in enumerate(pair)}
    return texts(column).str.to_lowercase().replace(words)


def dates(column: pl.Series, form: Form = "") -> tuple[pl.Series, pl.Series]:
    """Read a column as times.

    Args:
        column: dates, times, or text in ISO form, year first [N]; a time zone is converted to UTC.
        form: how text is written otherwise, see `date_form`.

    Returns:
        The times without zone, in microseconds, None where there is none [N]; and whether a value is there but is no
        date [N].

    Raises:
        TailtuneError: what `texts` refuses.
    """
    import polars as pl

    _refuse_unreadable(column)

    if column.dtype in (pl.Date, pl.Datetime):
        if getattr(column.dtype, "time_zone", None):
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.cast(pl.Datetime("us")), pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        column = column.fill_nan(None) if column.dtype.is_float() else column
        return pl.repeat(None, len(column), dtype=pl.Datetime("us"), eager=True), column.is_not_null()
    frame = pl.DataFrame({"text": _known(column.cast(pl.String), MISSING_NUMBER)})
    text = plain_date(pl.col("text"), form) if form else pl.col("text")
    plain = [text.str.to_datetime(form, strict=False, time_unit="us") for form in DATE_FORMATS]
    zoned = [
        text.str.to_datetime(form, strict=False, time_unit="us").dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        for form in ZONED_FORMATS
    ]
    times = frame.select(pl.coalesce(*plain, *zoned))["text"]
    return times.alias(column.name), frame["text"].is_not_null() & times.is_null()


def present_texts(column: pl.Series) -> pl.Series:
    """Return the texts of a column [N] that would have to be numbers or dates if it is one of those [M]."""
    import polars as pl

    return _known(column.cast(pl.String), (*MISSING_NUMBER, *UNKNOWN_NUMBER)).drop_nulls()


def first_bad(column: pl.Series, bad: pl.Series, ids: NDArray[np.str_]) -> str:
    """Return ``'abc' in row 7`` for the first bad value, and how many there are if there are more."""
    rows = bad.arg_true()
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    return f"{column[int(rows[0])]!r} in row {ids[int(rows[0])]}{more}"


def refuse_infinity(values: Floats, name: str, ids: NDArray[np.str_]) -> None:
    """Refuse numbers [N] of the column `name` among which there is an infinite one, or one whose square would be.

    Raises:
        TailtuneError: naming the column and the first such row.
    """
    rows = np.flatnonzero(np.abs(values) > LARGEST)
    if len(rows):
        what = "infinite" if np.isinf(values[rows[0]]) else f"{values[rows[0]]:.3g}, which is too large,"
        raise TailtuneError(
            f"column {name!r} is {what} in row {ids[rows[0]]} ({len(rows)} of {len(values)} rows); leave the value "
            "empty if it is unknown, or put the largest value that is possible"
        )

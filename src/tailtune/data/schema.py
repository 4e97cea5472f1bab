"""What the columns of a table are: numeric, categorical, boolean, date, or of no use and left out with the reason.

Decided from the training rows. Numbers stay numeric however few values they have, because their order is information;
only 0 and 1 are boolean. Text is numeric if it reads as numbers without leading zeros (as in postcodes), a date if it
is in ISO form, boolean if it is a pair such as yes and no, and otherwise a category, unless nearly every row has
another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import (
    LARGEST,
    TRUTH_PAIRS,
    Floats,
    blocks,
    dates,
    joined,
    numbers,
    plain_numbers,
    refuse_infinity,
    texts,
)
from tailtune.data.dataset import LeftOut

if TYPE_CHECKING:
    import polars as pl

ColumnKind = Literal["numeric", "categorical", "boolean", "date"]

DATE_FEATURES = ("days", "month", "weekday", "hour")
MANY_LEVELS = 50  # up to so many categories a text column is one of categories, however few the rows
STRAY_TEXTS = 5  # up to so many different texts among numbers are read as missing,
STRAY_SHARE = 0.05  # if they are at most this share of the values
LONG_TEXT = 60  # characters: longer texts on average are sentences rather than categories

_IDENTIFIER = re.compile(r"(^|.*[_\s.-])(id|idx|index|uuid|guid|key)$|^rownum(ber)?$|^unnamed_\d+$", re.IGNORECASE)
_CAMEL_IDENTIFIER = re.compile(r".*[a-z](Id|ID)$")
_LEADING_ZERO = r"^[+-]?0\d"
_LOCAL_DATE = r"^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"


@dataclass(frozen=True)
class Column:
    """A column that a model is given.

    Attributes:
        name: in the table.
        kind: how it is read.
        missing: whether training rows lack a value.
        levels: of a categorical or boolean column, sorted.
        stray: texts that a numeric column is known to hold and that mean "no value".
        features: what is made of a date: some of days (since 1970, with fraction), month, weekday, hour.
    """

    name: str
    kind: ColumnKind
    missing: bool
    levels: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """The columns in use, those left out, and what the user should know."""

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def read_schema(frame: pl.DataFrame, ids: NDArray[np.str_], exclude: Mapping[str, str]) -> Schema:
    """Decide what each column is.

    Args:
        frame: the training rows [N].
        ids: identity of each row [N], for messages.
        exclude: columns that are not looked at, and why; an empty reason (the target) is not reported.

    Returns:
        The columns in use in the frame's order, and the rest with the reasons.

    Raises:
        TailtuneError: an infinite value in a numeric column.
    """
    columns: list[Column] = []
    left_out: list[LeftOut] = []
    warnings: list[str] = []
    known = _read_at_once(frame)
    for series in frame:
        if series.name in exclude:
            if exclude[series.name]:
                left_out.append(LeftOut(series.name, exclude[series.name]))
            continue
        found = known.get(series.name) or _read(series, ids)
        if isinstance(found, str):
            left_out.append(LeftOut(series.name, found))
            continue
        columns.append(found)
        if found.stray:
            listed = ", ".join(repr(text) for text in found.stray)
            warnings.append(f"Column {found.name!r} is numeric; the texts {listed} in it are read as missing.")
        if _named_like_identifier(found.name) and _repeats(series):
            warnings.append(
                f"Column {found.name!r} looks like an identifier that repeats: to keep rows of one identity in one "
                f"part, use --group {found.name}; to leave it out, --ignore {found.name}."
            )
    return Schema(tuple(columns), tuple(left_out), tuple(warnings))


def _read_at_once(frame: pl.DataFrame) -> dict[str, Column]:
    """Return the columns that hold two numbers or more, and nothing else, as `_read` does; and not all of them."""
    import polars as pl

    known = plain_numbers(frame)
    for some, cells in joined(series for series in frame if series.dtype == pl.String and series.name in known):
        coded = cells.str.contains(_LEADING_ZERO).fill_null(False).to_numpy().reshape(len(some), -1).any(axis=1)
        for j in np.flatnonzero(coded).tolist():
            del known[some[j].name]
    names = [name for name in known if not _named_like_identifier(name)]
    found: dict[str, Column] = {}
    for part in blocks(len(names), frame.height):
        some = names[part]
        values = np.stack([known[name] for name in some])
        absent = np.isnan(values)
        low, high = np.where(absent, np.inf, values).min(axis=1), np.where(absent, -np.inf, values).max(axis=1)
        several = (low < high) & (np.maximum(-low, high) <= LARGEST)
        truths, missing = np.all(absent | (values == 0) | (values == 1), axis=1), np.any(absent, axis=1)
        for name, is_number, is_truth, lacks in zip(some, several, truths, missing, strict=True):
            if is_number:
                found[name] = (_truth if is_truth else _numeric)(name, bool(lacks))
    return found


def _numeric(name: str, missing: bool, stray: tuple[str, ...] = ()) -> Column:
    return Column(name, "numeric", missing, stray=stray)


def _truth(name: str, missing: bool) -> Column:
    return Column(name, "boolean", missing, levels=("false", "true"))


def _read(series: pl.Series, ids: NDArray[np.str_]) -> Column | str:
    """Return the column, or the reason for which it is left out."""
    import polars as pl

    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary):
        return f"a model cannot use values of type {series.dtype}"
    if series.dtype.is_numeric() or series.dtype in (pl.Duration, pl.Time):
        return _number(series.name, numbers(series)[0], ids)
    text = texts(series)
    present = len(text) - text.null_count()
    if present == 0:
        return "has no value in the training rows"
    missing = present < len(text)
    distinct = text.n_unique() - missing
    if distinct == 1 and not missing:
        return f"is constant in the training rows ({text[0]!r})"
    if series.dtype in (pl.Date, pl.Datetime):
        return _date(series.name, dates(series)[0], missing)
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        return _read_text(series, text, ids)
    return _truth(series.name, missing)


def _number(name: str, values: Floats, ids: NDArray[np.str_], stray: tuple[str, ...] = ()) -> Column | str:
    refuse_infinity(values, name, ids)
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    distinct = np.unique(present)
    if len(distinct) == 0:
        return "has no value in the training rows"
    if len(distinct) == 1 and not missing:
        return f"is constant in the training rows ({distinct[0]:g})"
    if set(distinct) <= {0.0, 1.0} and not stray:
        return _truth(name, missing)
    whole = bool((distinct == np.floor(distinct)).all())
    if whole and len(distinct) == len(values) and _named_like_identifier(name):
        return "is an identifier: every row has another number"
    return _numeric(name, missing, stray)


def _read_text(series: pl.Series, text: pl.Series, ids: NDArray[np.str_]) -> Column | str:
    name = series.name
    values, bad = numbers(series)
    levels = text.drop_nulls().unique()
    if not bad.any() and not text.str.contains(_LEADING_ZERO).any():
        return _number(name, values, ids)
    stray = text.filter(bad).unique()
    read = int((~np.isnan(values)).sum())
    if len(stray) <= STRAY_TEXTS and bad.sum() <= STRAY_SHARE * read and len(np.unique(values)) > MANY_LEVELS:
        return _number(name, values, ids, tuple(sorted(stray)))
    missing = text.null_count() > 0
    times, unreadable = dates(series)
    if not unreadable.any():
        return _date(name, times, missing)
    if any(set(levels.str.to_lowercase()) <= set(pair) for pair in TRUTH_PAIRS):
        return _truth(name, missing)
    present = len(text) - text.null_count()
    hint = "; if it is a date, write it as YYYY-MM-DD" if text.str.contains(_LOCAL_DATE).any() else ""
    if len(levels) == present > 1:
        return f"is an identifier or free text: every row has another value{hint}"
    if len(levels) > max(MANY_LEVELS, present / 2):
        return f"is free text or close to an identifier: {len(levels)} different values in {present} rows{hint}"
    if len(levels) > max(MANY_LEVELS, present / 10) and float(text.str.len_chars().mean()) > LONG_TEXT:
        return (
            f"is free text: {len(levels)} different values of {text.str.len_chars().mean():.0f} characters on average"
        )
    return Column(name, "categorical", missing, levels=tuple(sorted(levels)))


def _date(name: str, times: pl.Series, missing: bool) -> Column | str:
    values = date_features(times)
    varying = [name for name, feature in values.items() if len(np.unique(feature[~np.isnan(feature)])) > 1]
    if not varying and not missing:
        return "is constant in the training rows"
    return Column(name, "date", missing, features=tuple(varying) or DATE_FEATURES[:1])


def date_features(times: pl.Series) -> dict[str, Floats]:
    """Return the `DATE_FEATURES` of times [N] by name, NaN where there is none.

    Days count from 1970-01-01 and have the time of day as fraction; month 1..12, weekday 1 (Monday)..7, hour 0..23.
    """
    import polars as pl

    features = (times.dt.timestamp("us") / 86_400e6, times.dt.month(), times.dt.weekday(), times.dt.hour())
    return {name: numbers(feature.cast(pl.Float64))[0] for name, feature in zip(DATE_FEATURES, features, strict=True)}


def _named_like_identifier(name: str) -> bool:
    return bool(_IDENTIFIER.match(name) or _CAMEL_IDENTIFIER.match(name))


def _repeats(series: pl.Series) -> bool:
    distinct = series.n_unique()
    return bool(MANY_LEVELS < distinct < len(series))

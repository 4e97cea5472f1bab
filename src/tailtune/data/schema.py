"""What the columns of a table are: numeric, categorical, boolean, date, or of no use and left out with the reason.

Decided from the training rows. Numbers stay numeric however few values they have, because their order is information;
only 0 and 1 are boolean. Text is numeric if it reads as numbers without leading zeros (as in postcodes), but for a few
words; a date if it is in ISO form, or tells the day from the month; boolean if it is a pair such as yes and no; and
otherwise a category: one of many levels if it has more than can have a code each. What is another in nearly every row
is an identifier, which is left out, or text, which is unless it is to be hashed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import (
    LARGEST,
    TRUTH_PAIRS,
    UNKNOWN_NUMBER,
    Floats,
    blocks,
    dates,
    joined,
    numbers,
    plain_numbers,
    present_texts,
    refuse_infinity,
    texts,
)
from tailtune.data.dataset import LeftOut
from tailtune.data.written import STRAY_SHARE, Form, date_form, doubt, number_form

if TYPE_CHECKING:
    import polars as pl

ColumnKind = Literal["numeric", "categorical", "boolean", "date", "many", "text"]

DATE_FEATURES = ("days", "month", "weekday", "hour")
MANY_LEVELS = 50  # up to so many categories a text column is one of categories, however few the rows
MOST_CODES = 255  # categories with a code each, which is as many as histograms of trees take
CODED_ROWS = 100  # rows of a category of many levels with which a level has a code of its own
LONE_SHARE = 0.9  # of rows whose value no other row has, from which on a column tells rows apart
NAMED = 5  # texts among numbers that a note names
LONG_TEXT, WORDS = 60, 3  # characters or words, on average: longer texts are sentences rather than categories

_IDENTIFIER = re.compile(r"(^|.*[_\s.-])(id|idx|index|uuid|guid|key)$|^rownum(ber)?$|^unnamed_\d+$", re.IGNORECASE)
_CAMEL_IDENTIFIER = re.compile(r".*[a-z](Id|ID)$")
_DIGIT = r"[0-9]"
_LEADING_ZERO = r"^[+-]?0\d"
_LOCAL_DATE = r"^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"


@dataclass(frozen=True)
class Column:
    """A column that a model is given.

    Attributes:
        name: in the table.
        kind: how it is read; "many" is a category of many levels, of which only the frequent ones have codes.
        missing: whether training rows lack a value.
        levels: those that have a code of their own, sorted.
        stray: texts that a numeric column is known to hold, which are read as missing, as all other text then is.
        form: how text of numbers or dates is written, where it is not as Python writes it.
        features: what is made of a date: some of days (since 1970, with fraction), month, weekday, hour.
    """

    name: str
    kind: ColumnKind
    missing: bool
    levels: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    form: Form = ""


@dataclass(frozen=True)
class Schema:
    """The columns in use, those left out, and what the user should know."""

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def read_schema(
    frame: pl.DataFrame,
    ids: NDArray[np.str_],
    exclude: Mapping[str, str],
    keep: Collection[str] = (),
    text: Literal["leave", "hash"] = "leave",
) -> Schema:
    """Decide what each column is.

    Args:
        frame: the training rows [N].
        ids: identity of each row [N], for messages.
        exclude: columns that are not looked at, and why; an empty reason (the target) is not reported.
        keep: columns that are categories, whatever they look like.
        text: whether columns of sentences are left out or used.

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
        found = _kept(series) if series.name in keep else known.get(series.name) or _read(series, ids)
        warnings += _doubts(series, found)
        if text == "leave" and isinstance(found, Column) and found.kind == "text":
            found = "is text; --text hash makes numbers of its words"
        if isinstance(found, str):
            left_out.append(LeftOut(series.name, found))
            continue
        columns.append(found)
        if found.stray:
            listed = ", ".join(repr(text) for text in found.stray[:NAMED])
            more = f" and {len(found.stray) - NAMED} more" if len(found.stray) > NAMED else ""
            warnings.append(
                f"Column {found.name!r} is numeric; the texts {listed}{more} in it are read as missing. If they are "
                f"what the column is about, --keep {found.name} reads it as a category."
            )
        if found.form:
            what = "dates" if found.kind == "date" else "numbers"
            warnings.append(f"Column {found.name!r} is read as {what}, written like {found.form}.")
        if _named_like_identifier(found.name) and _repeats(series):
            warnings.append(
                f"Column {found.name!r} looks like an identifier that repeats: to keep rows of one identity in one "
                f"part, use --group {found.name}; to leave it out, --ignore {found.name}"
                + (f"; to read it as a category, --keep {found.name}." if found.kind == "numeric" else ".")
            )
        if found.kind == "many":
            warnings.append(_told(found, texts(series).n_unique()))
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


def _numeric(name: str, missing: bool) -> Column:
    return Column(name, "numeric", missing)


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


def _number(
    name: str, values: Floats, ids: NDArray[np.str_], stray: tuple[str, ...] = (), form: Form = ""
) -> Column | str:
    refuse_infinity(values, name, ids)
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    distinct = np.unique(present)
    if len(distinct) == 0:
        return "has no value in the training rows"
    if len(distinct) == 1 and not missing:
        return f"is constant in the training rows ({distinct[0]:g})"
    if set(distinct) <= {0.0, 1.0} and not stray and not form:
        return _truth(name, missing)
    whole = bool((distinct == np.floor(distinct)).all())
    if whole and len(distinct) == len(values) and _named_like_identifier(name):
        return "is an identifier: every row has another number"
    return Column(name, "numeric", missing, stray=stray, form=form)


def _read_text(series: pl.Series, text: pl.Series, ids: NDArray[np.str_]) -> Column | str:
    name = series.name
    coded, digits = bool(text.str.contains(_LEADING_ZERO).any()), bool(text.str.contains(_DIGIT).any())
    present = present_texts(series) if digits else text.clear()
    form: Form = "" if coded else number_form(present) or ""
    values, bad = numbers(series, (), form)
    if not bad.any() and not coded:
        return _number(name, values, ids, form=form)
    stray = text.filter(bad).unique().drop_nulls()
    if not coded and _are_stray(stray, int(bad.sum()), values):
        return _number(name, values, ids, tuple(sorted(stray)), form)
    missing = text.null_count() > 0
    if digits:  # reading dates takes longer than all else
        form = date_form(present) or ""
        times, unreadable = dates(series, form)
        if not unreadable.any():
            return _date(name, times, missing, form)
    words = text.drop_nulls().unique().str.to_lowercase().unique()
    if len(words) <= 2 and any(set(words) <= set(pair) for pair in TRUTH_PAIRS):
        return _truth(name, missing)
    hint = "; if it is a date, write it as YYYY-MM-DD" if text.str.contains(_LOCAL_DATE).any() else ""
    found = _category(name, text)
    return f"{found}{hint}" if isinstance(found, str) else found


def _are_stray(found: pl.Series, rows: int, values: Floats) -> bool:
    """Whether the different texts of `rows` rows are what numbers have in the place of a missing value."""
    read = values[~np.isnan(values)]
    distinct = len(np.unique(read))
    if distinct > 1 and set(found.str.to_lowercase()) <= set(UNKNOWN_NUMBER):
        return True
    return distinct > MANY_LEVELS and rows <= STRAY_SHARE * (len(read) + rows)


def _doubts(series: pl.Series, found: Column | str) -> list[str]:
    """Return one sentence if text was read as text although it looks like dates or numbers."""
    import polars as pl

    of_text = series.dtype in (pl.String, pl.Categorical, pl.Enum)
    if not of_text or not (isinstance(found, str) or found.kind in ("categorical", "many")):
        return []
    if not series.cast(pl.String).str.contains(_DIGIT).any():
        return []
    what = doubt(present_texts(series))
    return [] if what is None else [f"Column {series.name!r} is read as text, but looks like {what}."]


def _kept(series: pl.Series) -> Column | str:
    """Return a column as the category that it was asked to be, or the reason for which it can be none."""
    import polars as pl

    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary):
        return f"a model cannot use values of type {series.dtype}"
    text = texts(series)
    if text.n_unique() == 1:
        return "is constant in the training rows"
    return _category(series.name, text, keep=True)


def _category(name: str, text: pl.Series, keep: bool = False) -> Column | str:
    """Return a category of few or of many levels; unless it is to be kept also text, or why it is neither."""
    missing = text.null_count() > 0
    present = text.drop_nulls()
    counts = present.value_counts(name="rows", sort=True)
    lone = int((counts["rows"] == 1).sum())
    if not keep:
        apart = counts.height == len(present) > 1
        apart = apart or (counts.height > MANY_LEVELS and lone >= LONE_SHARE * len(present))
        many = apart or counts.height > max(MANY_LEVELS, len(present) / 10)
        if _sentences(present, many, apart):
            return Column(name, "text", missing)
        if apart:
            return (
                f"is an identifier: {lone} of {len(present)} rows have a value that no other row has; to keep it all "
                f"the same, --keep {name}"
            )
    if counts.height <= min(MOST_CODES, max(MANY_LEVELS, len(present) / 2)):
        return Column(name, "categorical", missing, levels=tuple(sorted(counts[text.name])))
    frequent = counts.filter(counts["rows"] >= CODED_ROWS).head(MOST_CODES)
    return Column(name, "many", missing, levels=tuple(sorted(frequent[text.name])))


def _sentences(present: pl.Series, many: bool, apart: bool) -> bool:
    """Whether a column is text rather than names: of many values that are long, or of one a row that have words."""
    long = many and float(present.str.len_chars().mean()) > LONG_TEXT
    return long or (apart and float(present.str.count_matches(r"\S+").mean()) >= WORDS)


def _told(column: Column, levels: int) -> str:
    coded = f", and codes of the {len(column.levels)} most frequent ones" if column.levels else ""
    return (
        f"Column {column.name!r} has {levels:,} levels: a model is given how frequent a row's level is, how frequent "
        f"the classes are in the other training rows of that level{coded}."
    )


def _date(name: str, times: pl.Series, missing: bool, form: Form = "") -> Column | str:
    values = date_features(times)
    varying = [name for name, feature in values.items() if len(np.unique(feature[~np.isnan(feature)])) > 1]
    if not varying and not missing:
        return "is constant in the training rows"
    return Column(name, "date", missing, features=tuple(varying) or DATE_FEATURES[:1], form=form)


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

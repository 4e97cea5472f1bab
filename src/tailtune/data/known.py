"""`Known`: what is known of rows beside their inputs and classes, which is a group, a time and a weight of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import dates, first_bad, numbers, present_texts, refuse_infinity, texts
from tailtune.data.written import date_form, doubt
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import HowToRead

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KnownBy:
    """The columns that say what is known of a row, each None where there is no such column."""

    group: str | None = None
    time: str | None = None
    weight: str | None = None

    @classmethod
    def asked(cls, reading: HowToRead) -> KnownBy:
        """Return the columns that `reading` names.

        Raises:
            TailtuneError: one column is to be two of them.
        """
        found = cls(reading.group, reading.time, reading.weight)
        tasks = found.named
        for (task, name), (other, same) in pairwise(tasks):
            if name == same:
                raise TailtuneError(f"--{task} and --{other} both name the column {name!r}; leave one of them out")
        return found

    def completed(self, columns: Sequence[str], taken: Sequence[str] = ()) -> KnownBy:
        """Return the same with the columns that are called group, time and weight where others are not named.

        Args:
            columns: those that there are.
            taken: those that have another task already.
        """
        used = {*taken, *(name for _, name in self.named)}

        def found(task: str, name: str | None) -> str | None:
            return task if name is None and task in columns and task not in used else name

        return KnownBy(found("group", self.group), found("time", self.time), found("weight", self.weight))

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The options that name a column, sorted by the columns, each with its column."""
        tasks = [("group", self.group), ("time", self.time), ("weight", self.weight)]
        return tuple(sorted(((task, name) for task, name in tasks if name is not None), key=lambda pair: pair[1]))


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of N rows; None where it is not.

    Attributes:
        groups: what must stay in one part with each row [N], such as its patient.
        times: of each row [N]: numbers as they are, dates as microseconds since 1970.
        weights: of each row [N], 0 or more.
        spelled: the times as they are written [N].
        frame: all columns as they were read [N].
    """

    groups: NDArray[np.str_] | None = None
    times: Floats | None = None
    weights: Floats | None = None
    spelled: NDArray[np.str_] | None = None
    frame: pl.DataFrame | None = None

    def take(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Known:
        """Return what is known of `rows`: positions in that order, a stretch of them, or a mask [N]."""
        frame = None
        if self.frame is not None:
            mask = isinstance(rows, np.ndarray) and rows.dtype == bool
            frame = self.frame.filter(rows) if mask else self.frame[rows]
        return Known(
            groups=None if self.groups is None else self.groups[rows],
            times=None if self.times is None else self.times[rows],
            weights=None if self.weights is None else self.weights[rows],
            spelled=None if self.spelled is None else self.spelled[rows],
            frame=frame,
        )


NOTHING = Known()


def read_known(frame: pl.DataFrame, by: KnownBy, ids: NDArray[np.str_], where: str, given: bool = False) -> Known:
    """Read what is known of the rows of a table.

    Args:
        frame: the table [N].
        by: the columns that say it.
        ids: identity of each row [N], for messages.
        where: what messages call the table.
        given: whether these are rows of a test or validation part of their own, which need neither group nor time.

    Raises:
        TailtuneError: a column that is not there, a missing group, a time that is missing or cannot be read, or a
            weight that is none.
    """
    for task, name in by.named:
        if name not in frame.columns and (task == "weight" or not given):
            listed = ", ".join(frame.columns[:12]) + (", ..." if frame.width > 12 else "")
            hint = nearest(name, frame.columns)
            raise TailtuneError(f"{where} has no {task} column {name!r}.{hint} Its columns: {listed}")
    group, time = (None if name not in frame.columns else name for name in (by.group, by.time))
    return Known(
        groups=None if group is None else _groups(frame[group], ids),
        times=None if time is None else _times(frame[time], ids),
        weights=None if by.weight is None else _weights(frame[by.weight], ids),
        spelled=None if time is None else np.array(texts(frame[time]).to_list(), dtype=np.str_),
        frame=frame,
    )


def _groups(column: pl.Series, ids: NDArray[np.str_]) -> NDArray[np.str_]:
    groups = texts(column)
    missing = groups.is_null().arg_true()
    if len(missing):
        raise TailtuneError(
            f"group column {column.name!r} has no value in {len(missing)} rows, first in row {ids[missing[0]]}; fill "
            "it in, with a value of its own for a row that belongs to no group"
        )
    return np.array(groups.to_list(), dtype=np.str_)


def _times(column: pl.Series, ids: NDArray[np.str_]) -> Floats:
    """Read numbers as they are, and dates as microseconds since 1970.

    Raises:
        TailtuneError: a value that is missing or no time, or dates of which days and months cannot be told apart.
    """
    missing = texts(column).is_null().arg_true()
    if len(missing):
        raise TailtuneError(
            f"time column {column.name!r} has no value in {len(missing)} of {len(column)} rows, first in row "
            f"{ids[missing[0]]}; fill it in, or leave these rows out"
        )
    values, bad = numbers(column)
    if not bad.any():
        refuse_infinity(values, column.name, ids)
        return values
    text = present_texts(column) if not column.dtype.is_temporal() else None
    form = None if text is None else date_form(text)
    moments, bad = dates(column, form or "")
    if bad.any():
        what = None if text is None else doubt(text)
        found = f"holds {what}" if what else f"has {first_bad(column, bad, ids)}, which is no time"
        mend = "" if what else "; write numbers, or dates as YYYY-MM-DD (and HH:MM:SS)"
        raise TailtuneError(f"time column {column.name!r} {found}{mend}")
    return np.asarray(moments.to_physical().to_numpy(), dtype=np.float64)


def _weights(column: pl.Series, ids: NDArray[np.str_]) -> Floats:
    values, bad = numbers(column)
    if bad.any():
        raise TailtuneError(
            f"weight column {column.name!r} has {first_bad(column, bad, ids)}, which is no number; write 0 or more"
        )
    refuse_infinity(values, column.name, ids)
    for rows, what in ((np.isnan(values), "no value"), (values < 0, "a negative value")):
        if rows.any():
            raise TailtuneError(
                f"weight column {column.name!r} has {what} in {rows.sum()} of {len(values)} rows, first in row "
                f"{ids[rows.argmax()]}; write 0 or more"
            )
    if not values.any():
        raise TailtuneError(
            f"weight column {column.name!r} is 0 in all rows, so that none counts; give the rows that count more"
        )
    return values

"""`Amounts`: what each row is worth, such as the sum of a payment, for costs that depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import first_bad, numbers, refuse_infinity
from tailtune.errors import TailtuneError, nearest
from tailtune.profile import Floats

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Amounts:
    """Columns of a table as they were read, beside the encoded inputs.

    Attributes:
        names: of the columns [A].
        values: a number a row and column, 0 or more [N, A].
    """

    names: tuple[str, ...]
    values: Floats

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Amounts:
        """Return those of `rows`, positions [M] in that order, or a mask [N]."""
        return Amounts(self.names, self.values[rows])

    def joined(self, other: Amounts) -> Amounts:
        """Return those of these rows and then of the rows of `other`, which has the same columns."""
        return Amounts(self.names, np.concatenate([self.values, other.values]))


def read_amounts(frame: pl.DataFrame, names: Sequence[str], ids: NDArray[np.str_], where: str = "the table") -> Amounts:
    """Read columns of amounts.

    Args:
        frame: the table [N].
        names: of the columns [A].
        ids: identity of each row [N], for messages.
        where: what messages call the table.

    Raises:
        TailtuneError: a column that is not there, or a value that is missing, negative, infinite or no number.
    """
    return Amounts(tuple(names), np.stack([_read(frame, name, ids, where) for name in names], axis=1))


def _read(frame: pl.DataFrame, name: str, ids: NDArray[np.str_], where: str) -> Floats:
    if name not in frame.columns:
        hint = nearest(name, frame.columns)
        raise TailtuneError(f"{where} has no column {name!r}, which costs depend on; add it, or mend its name.{hint}")
    series = frame[name]
    values, bad = numbers(series)
    if bad.any():
        raise TailtuneError(f"costs depend on column {name!r}, however: {first_bad(series, bad, ids)}; write a number")
    refuse_infinity(values, name, ids)
    for rows, what in ((np.isnan(values), "has no value"), (values < 0, "is negative")):
        if rows.any():
            first = ids[rows.argmax()]
            raise TailtuneError(
                f"costs depend on column {name!r}, which {what} in row {first} ({rows.sum()} of {len(rows)} rows); "
                "write 0 or more"
            )
    return values

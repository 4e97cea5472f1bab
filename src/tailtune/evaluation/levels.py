"""The values of a column as few levels, by which rows are sliced: the most frequent ones, or ranges of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import numbers, texts

if TYPE_CHECKING:
    import polars as pl

MOST = 8  # levels that have a slice of their own
FEW = 6  # different numbers up to which each is a level
RANGES = 4
NO_VALUE = "(no value)"
_LEADING_ZERO = r"^[+-]?0\d"


@dataclass(frozen=True)
class Levels:
    """Which level each row has.

    Attributes:
        kind: values as they are, or ranges of numbers.
        labels: of the levels [L]: ranges ascend, values go from the most frequent to the rarest, then come the others
            together, then the rows without a value.
        codes: index of each row's level [N].
    """

    kind: Literal["values", "ranges"]
    labels: tuple[str, ...]
    codes: NDArray[np.int64]


def levels_of(column: pl.Series) -> Levels:
    """Cut a column into levels; numbers of more than 6 different values become four ranges of about equal rows.

    Args:
        column: as it was read, text or typed [N].

    Raises:
        TailtuneError: values that are no text, number, time or truth value, such as lists.

    >>> import polars as pl
    >>> found = levels_of(pl.Series(["b", "a", "b", None]))
    >>> found.labels, found.codes.tolist()
    (('b', 'a', '(no value)'), [0, 1, 0, 2])
    """
    text = texts(column)
    values, bad = numbers(column)
    known = np.isfinite(values)
    if not bad.any() and known.any() and not text.str.contains(_LEADING_ZERO).any() and len(set(values[known])) > FEW:
        return _ranges(values, known)
    return _values(text)


def _ranges(values: NDArray[np.float64], known: NDArray[np.bool_]) -> Levels:
    """Between quartiles; a label says the least and the greatest number within."""
    borders = np.unique(np.quantile(values[known], np.arange(1, RANGES) / RANGES, method="lower"))
    places = np.searchsorted(borders, np.where(known, values, 0.0), side="left")
    present = np.unique(places[known])
    codes = np.where(known, np.searchsorted(present, places), len(present))
    spans = (values[known & (places == place)] for place in present)
    labels = [_span(float(span.min()), float(span.max())) for span in spans]
    return Levels("ranges", (*labels, *([] if known.all() else [NO_VALUE])), codes.astype(np.int64))


def _span(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"


def _values(text: pl.Series) -> Levels:
    counts = text.drop_nulls().value_counts(sort=False, name="rows")
    ordered = [name for name, _ in sorted(counts.iter_rows(), key=lambda each: (-each[1], each[0]))]
    named = ordered if len(ordered) <= MOST + 1 else ordered[:MOST]
    labels = list(named)
    places = {name: place for place, name in enumerate(named)}
    if len(ordered) > len(named):
        labels.append(f"({len(ordered) - len(named)} others)")
        places |= dict.fromkeys(ordered[len(named) :], len(named))
    if text.null_count():
        labels.append(NO_VALUE)
    codes = np.array([len(labels) - 1 if value is None else places[value] for value in text], dtype=np.int64)
    return Levels("values", tuple(labels), codes)

"""Which rows of a table are another row again: alike in all columns, or in all but one after rounding.

Rows of few and coarse columns are alike by chance, as people of one age and trade are. So a row counts only if training
rows of its values would be a surprise: were the columns independent, fewer than a millionth of a row would be expected
(a millionth of a millionth for rows that are near, because columns are seldom independent).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.row_hashes import positions

if TYPE_CHECKING:
    import polars as pl

SURPRISE, NEAR_SURPRISE = 1e-6, 1e-12  # training rows expected by chance, for identical and for near rows
RATED_ROWS = 20_000  # of the training rows, by which the frequency of a value is estimated
NEAR_ROWS = 20_000  # test rows that are compared without one column each, drawn at random of more
DIGITS = 4  # to which numbers are rounded before rows are called near
FEWEST_COLUMNS = 4  # of which all but one may tell a row
MOST_COLUMNS = 1000  # of wider tables near rows are not looked for, and the first ones say what chance is

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AlikeRows:
    """Of M test rows, which training row each is like.

    Attributes:
        identical: position of a training row of the same values in every column [M], -1 without one.
        near: of one that has the same values but in one column, or after rounding to four digits [M], -1 without one.
        surprising: which of the test rows are alike by more than chance [M].
    """

    identical: Indices
    near: Indices
    surprising: NDArray[np.bool_]


def alike_rows(known: pl.DataFrame, asked: pl.DataFrame, numeric: Collection[str] = ()) -> AlikeRows:
    """Compare rows by their input columns.

    Args:
        known: training rows [N], without the target.
        asked: test rows [M] of the same columns.
        numeric: columns that are numbers even where they are kept as text.
    """
    import polars as pl

    known, asked = (frame.select(_plain(frame, numeric)) for frame in (known, asked.select(known.columns)))
    identical = positions(known.hash_rows().to_numpy(), asked.hash_rows().to_numpy())
    rounded = [pl.col(name).round_sig_figs(DIGITS) for name, kind in known.schema.items() if kind.is_float()]
    known, asked = known.with_columns(rounded), asked.with_columns(rounded)  # the types of both are the same by now
    near, unlike = np.full(asked.height, -1, dtype=np.int64), np.full(asked.height, -1, dtype=np.int64)
    rest = np.flatnonzero(identical < 0)
    if len(rest) > NEAR_ROWS:
        rest = np.sort(np.random.default_rng(0).choice(rest, NEAR_ROWS, replace=False))
    if FEWEST_COLUMNS <= known.width <= MOST_COLUMNS and len(rest):
        near[rest], unlike[rest] = _but_one(known, asked[rest])
    some = np.flatnonzero((identical >= 0) | (near >= 0))
    surprising = np.zeros(asked.height, dtype=bool)
    if not len(some):
        return AlikeRows(identical, near, surprising)
    border = np.where(identical[some] >= 0, SURPRISE, NEAR_SURPRISE)
    surprising[some] = _expected(known, asked[some], unlike[some]) < border
    return AlikeRows(identical, near, surprising)


def _plain(frame: pl.DataFrame, numeric: Collection[str]) -> Sequence[pl.Expr]:
    """The columns as numbers and text, whose hashes do not depend on how a frame keeps them."""
    import polars as pl

    return [
        pl.col(name).cast(pl.Float64 if kind.is_numeric() or name in numeric else pl.String, strict=False)
        for name, kind in frame.schema.items()
    ]


def _but_one(known: pl.DataFrame, asked: pl.DataFrame) -> tuple[Indices, Indices]:
    """Return of each row asked for [M] a known row that agrees in all columns but one, and which column that is.

    Both are -1 where there is none; the column is -1 where all of them agree. The hash of a row is the sum of those of
    its values, so that one of them is taken away again at no cost.
    """

    def hashes(frame: pl.DataFrame) -> list[NDArray[np.uint64]]:  # column by column: a query looks at all of a frame
        return [series.hash(seed=j).to_numpy().copy() for j, series in enumerate(frame.get_columns())]

    before, now = hashes(known), hashes(asked)
    of_known = np.asarray(np.sum(before, axis=0, dtype=np.uint64))
    of_asked = np.asarray(np.sum(now, axis=0, dtype=np.uint64))
    found, column = np.full(asked.height, -1, dtype=np.int64), np.full(asked.height, -1, dtype=np.int64)
    for j in range(-1, known.width):
        open_ = np.flatnonzero(found < 0)
        wanted = of_asked[open_] if j < 0 else of_asked[open_] - now[j][open_]
        there = of_known if j < 0 else of_known - before[j]
        held = np.flatnonzero(np.isin(there, wanted))  # few: the rest need not be sorted
        at = positions(there[held], wanted)
        hit = at >= 0
        found[open_[hit]] = held[at[hit]]
        column[open_[hit]] = j
    return found, column


def _expected(known: pl.DataFrame, asked: pl.DataFrame, unlike: Indices) -> NDArray[np.float64]:
    """Return how many known rows would have the values of each row asked for [M], were the columns independent.

    The frequency of a value is that in a sample; of a value that occurs there once, or not at all, it is Good and
    Turing's estimate, so that numbers which are another in every row count as rare as they are.

    Args:
        known: rows [N].
        asked: rows [M].
        unlike: column that need not agree, of every one of which there may be one as good; -1 for none [M].
    """
    import polars as pl

    rows = min(RATED_ROWS, known.height)
    sample = known[np.sort(np.random.default_rng(0).choice(known.height, rows, replace=False))]
    logs = np.log(max(1, known.height)) + np.where(unlike >= 0, np.log(max(1, known.width)), 0.0)
    columns = zip(sample.get_columns()[:MOST_COLUMNS], asked.get_columns()[:MOST_COLUMNS], strict=True)
    for j, (values, wanted) in enumerate(columns):
        counts = pl.DataFrame({"value": values}).group_by("value").agg(pl.len().alias("rows of the value"))
        found = pl.DataFrame({"value": wanted})
        frequent = found.join(counts, on="value", how="left", nulls_equal=True, maintain_order="left")
        sizes = counts["rows of the value"]
        once, twice = int((sizes == 1).sum()), int((sizes == 2).sum())
        seen = frequent["rows of the value"].fill_null(1).to_numpy()
        share = np.where(seen == 1, max(2 * twice, 1) / max(once, 1), seen) / rows
        logs += np.where(unlike == j, 0.0, np.log(share))
    expected: NDArray[np.float64] = np.exp(logs)
    return expected

"""What the columns of a table hold, and which of them look suspicious, from its training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import Floats, dates, numbers, plain_numbers, texts
from tailtune.data.dataset import Dataset
from tailtune.data.schema import Column
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.evaluation.ranking import auroc
from tailtune.words import short_percent, shortened

if TYPE_CHECKING:
    import polars as pl

ColumnType = Literal["number", "category", "date", "text", "constant", "identifier"]

SHOWN_LEVELS = 3
LEAK_ROWS = 10_000  # of the training rows, which are enough to see a leak and keep wide tables quick
LEAK_AUC = 0.99  # single columns of breast-cancer data, which leak nothing, stay under 0.98
RANGES = 32
SEEN, HELD = slice(0, None, 2), slice(1, None, 2)  # the halves, of rows that are in order of their classes
LEAK_CLASS_ROWS = 10  # held out; on fewer, one of several columns is right by chance
MISSING_POINTS, MISSING_CLASS_ROWS, MISSING_P = 0.1, 20, 1e-3
SENTINELS = (*(-9.0, -99.0, -999.0, -9999.0, -99999.0, -999999.0), *(99.0, 999.0, 9999.0, 99999.0, 999999.0))
SENTINEL_ROWS = 5
SEQUENCE = 2  # whole numbers that differ in every row and fill half of their range or more count the rows

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ColumnOverview:
    """One column of a table, as the training rows hold it.

    Attributes:
        name: in the table.
        type: number, category (true or false among them), date, text, constant, or identifier.
        used: whether a model is given the column.
        rows: how many there are.
        missing: rows without a value.
        levels: different values.
        holds: the range of numbers and dates, the commonest values of others, in words.
        suspicions: why the column should be looked at before a result is believed, in words.
        leaks: whether the column by itself nearly tells the class, which is one of the suspicions.
        sentinel: a number that may stand for a missing value, None where there is none.
    """

    name: str
    type: ColumnType
    used: bool
    rows: int
    missing: int
    levels: int
    holds: str
    suspicions: tuple[str, ...] = ()
    leaks: bool = False
    sentinel: float | None = None

    @property
    def missing_share(self) -> float:
        """Rows without a value, as a share of all."""
        return self.missing / self.rows


def overview(dataset: Dataset, most: int | None = None) -> tuple[ColumnOverview, ...]:
    """Look at every column but the target, in the table's order; empty for images.

    Only training rows are looked at. Whether a column by itself tells the class is learnt from half of them and
    measured on the other half.

    Args:
        dataset: the data set, with its rows as they were read.
        most: training rows that are looked at, drawn at random of more.
    """
    if dataset.train.frame is None or not isinstance(dataset.preprocessor, TablePreprocessor):
        return ()
    known = {column.name: column for column in dataset.preprocessor.columns}
    parts = (dataset.train, dataset.val, dataset.test)
    every = sum(len(part) for part in parts if part is not None)
    frame, targets = dataset.train.frame, dataset.train.targets.numpy()
    if most is not None and len(targets) > most:
        rows = np.sort(np.random.default_rng(0).choice(len(targets), most, replace=False))
        frame, targets = frame[rows], targets[rows]
    inputs = frame.drop(dataset.preprocessor.target or [])
    tests = max(1, inputs.width)
    read, halves = plain_numbers(inputs), Halves.of(targets)
    return tuple(
        _look(series, known.get(series.name), read.get(series.name), halves, targets, every, tests) for series in inputs
    )


def _look(
    series: pl.Series,
    column: Column | None,
    read: Floats | None,
    halves: Halves,
    targets: Indices,
    every: int,
    tests: int,
) -> ColumnOverview:
    """Describe one column of the training rows [N], of which the data have `every` in all parts; `read` its numbers."""
    import polars as pl

    if read is None and (series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary)):
        return ColumnOverview(series.name, "text", False, len(series), series.null_count(), 0, str(series.dtype))
    values, absent, kind = _read(series, column, read)
    present = values[~absent]
    levels, sizes = np.unique(present, return_counts=True)
    if len(levels) == 0 or (len(levels) == 1 and not absent.any()):
        kind = "constant"
    elif column is None and kind != "number" and len(levels) == len(present):
        kind = "identifier"
    numeric = present.dtype.kind == "f"
    sequence = numeric and _counts_rows(present, levels, every)
    if sequence:
        kind = "identifier"
    suspicions = []
    if len(levels) == 0:
        suspicions.append("has no value")
    elif kind == "constant":
        suspicions.append("is constant")
    elif kind == "identifier" or (len(levels) == len(present) == len(series) and not numeric):
        suspicions.append("tells every row apart")
    area = None if column is None or kind == "constant" else single_column_auc(values, absent, halves)
    leaks = area is not None and area >= LEAK_AUC
    if leaks:
        suspicions.append(f"by itself nearly tells the class (AUC {area:.3f} on held-out training rows)")
    rates = missing_by_class(absent, targets, tests)
    if rates is not None:
        suspicions.append(
            f"lacks a value in {short_percent(rates[0])} of one class and {short_percent(rates[1])} of another"
        )
    return ColumnOverview(
        name=series.name,
        type=kind,
        used=column is not None,
        rows=len(series),
        missing=int(absent.sum()),
        levels=len(levels),
        holds=_holds(levels, sizes, kind),
        suspicions=tuple(suspicions),
        leaks=leaks,
        sentinel=sentinel(levels, sizes) if numeric and column is not None else None,
    )


def _read(
    series: pl.Series, column: Column | None, read: Floats | None
) -> tuple[NDArray[np.generic], NDArray[np.bool_], ColumnType]:
    """Return the values [N], where there is none [N], and the type, as the model's reading of the column has it."""
    import polars as pl

    if read is not None and (column is None or (column.kind in ("numeric", "boolean") and not column.form)):
        return read, np.isnan(read), "number"

    if column is not None and column.kind == "date":
        times = dates(series, column.form)[0]
        return times.to_numpy(), times.is_null().to_numpy(), "date"
    number, bad = numbers(series, (), "" if column is None else column.form)
    whole = series.dtype not in (pl.Boolean, pl.Null) and (not bad.any() or (column is not None and bool(column.stray)))
    if whole and (column is None or column.kind in ("numeric", "boolean")):
        return number, np.isnan(number), "number"
    text = texts(series)
    kind: ColumnType = "category" if column is not None or text.n_unique() < len(text) / 2 else "text"
    return text.fill_null("").to_numpy().astype(str), text.is_null().to_numpy(), kind


def sentinel(levels: NDArray[np.generic], sizes: Indices) -> float | None:
    """Return the number of nines that lies farther from all other values than these do from each other, if any.

    Args:
        levels: different values, ascending [L].
        sizes: rows of each [L]; such a number takes 5 or more.

    >>> sentinel(np.array([-999.0, 18.0, 90.0]), np.array([40, 3, 5]))
    -999.0
    """
    if len(levels) < 3:
        return None
    values = levels.astype(np.float64)
    for end, others in ((0, values[1:]), (-1, values[:-1])):
        gap = np.abs(others - values[end]).min()
        if values[end] in SENTINELS and sizes[end] >= SENTINEL_ROWS and gap > others[-1] - others[0]:
            return float(values[end])
    return None


def _counts_rows(present: NDArray[np.generic], levels: NDArray[np.generic], every: int) -> bool:
    """Whether these are whole numbers, all different, as those of a row number or a key handed out in order."""
    if len(levels) < len(present) or len(present) < MISSING_CLASS_ROWS:
        return False
    low, high = float(levels[0]), float(levels[-1])
    return bool((levels == np.floor(levels.astype(np.float64))).all()) and high - low < SEQUENCE * every


def _holds(levels: NDArray[np.generic], sizes: Indices, kind: ColumnType) -> str:
    if len(levels) == 0:
        return ""
    if levels.dtype.kind == "f":
        return f"{levels[0]:.6g}" if len(levels) == 1 else f"{levels[0]:.6g} to {levels[-1]:.6g}"
    if kind == "date":
        return f"{str(levels[0])[:10]} to {str(levels[-1])[:10]}"
    if kind == "constant":
        return shortened(str(levels[0]), 24)
    if kind in ("identifier", "text"):
        return f"such as {shortened(str(levels[0]), 24)}"
    commonest = np.argsort(-sizes, kind="stable")[:SHOWN_LEVELS]
    return ", ".join(f"{shortened(str(levels[k]), 24)} ({sizes[k]:,})" for k in commonest)


@dataclass(frozen=True)
class Halves:
    """Training rows in two halves, stratified by class: what the first tells of the classes is tried on the second.

    Attributes:
        rows: at most 10,000 of all, the halves taking turns [M].
        targets: their class indices [M].
        weights: of the rows of the first half, so that all classes weigh the same.
        tested: classes with 10 rows or more in the second half.
    """

    rows: Indices
    targets: Indices
    weights: Floats
    tested: Indices

    @classmethod
    def of(cls, targets: Indices) -> Halves:
        """Take halves of rows with these class indices [N]."""
        rows = np.random.default_rng(0).permutation(len(targets))[:LEAK_ROWS]
        rows = rows[np.argsort(targets[rows], kind="stable")]
        seen, held = targets[rows][SEEN], targets[rows][HELD]
        tested = np.flatnonzero(np.bincount(held) >= LEAK_CLASS_ROWS)
        return cls(rows, targets[rows], 1 / np.bincount(seen)[seen], tested)


def single_column_auc(values: NDArray[np.generic], absent: NDArray[np.bool_], halves: Halves) -> float | None:
    """Return how well one column by itself tells the classes apart.

    On the first half of the rows the share of each class is taken in each of at most 32 ranges of a number (that hold
    alike many rows, with all classes weighing the same), or for each text; on the second half these shares are the
    scores.

    Args:
        values: of the column [N].
        absent: where there is no value [N].
        halves: of the rows.

    Returns:
        The area under the ROC curve of a class against the others, averaged over the classes with 10 rows or more in
        the second half; None if fewer than two classes have as many.
    """
    if len(halves.tested) < 2:
        return None
    values, absent, targets = values[halves.rows], absent[halves.rows], halves.targets
    if values.dtype.kind in "fM":
        bins = _ranges(values.astype(np.float64), absent, halves.weights)
    else:
        bins = np.unique(np.where(absent, "", values), return_inverse=True)[1]
    shares = np.zeros((int(bins.max()) + 1, int(targets.max()) + 1))
    np.add.at(shares, (bins[SEEN], targets[SEEN]), halves.weights)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    areas = [auroc(shares[bins[HELD], k], targets[HELD] == k) for k in halves.tested]
    return float(np.mean([area for area in areas if area is not None]))


def _ranges(values: Floats, absent: NDArray[np.bool_], weights: Floats) -> Indices:
    """Return the range between quantiles of the numbers seen that each number [N] is in; missing is one of its own."""
    known = ~absent[SEEN]
    if not known.any():
        return absent.astype(np.int64)
    present, order = values[SEEN][known], np.argsort(values[SEEN][known], kind="stable")
    mass = np.cumsum(weights[known][order])
    at: Indices = np.searchsorted(mass, np.linspace(0, 1, RANGES + 1)[1:] * mass[-1])
    edges = np.unique(present[order][np.minimum(at, len(present) - 1)])
    bins = np.minimum(np.searchsorted(edges, values), len(edges) - 1)  # each holds a row that was seen: its upper end
    return np.where(absent, len(edges), bins)


def missing_by_class(absent: NDArray[np.bool_], targets: Indices, tests: int = 1) -> tuple[float, float] | None:
    """Return the smallest and the largest share of missing values among the classes, if they differ for sure.

    They do if the shares lie 10 points or more apart and a chi-squared test has p < 0.001, divided by the columns.

    Args:
        absent: where the column has no value [N].
        targets: class indices [N].
        tests: columns that are looked at.

    Returns:
        The two shares over classes of 20 rows or more, or None.
    """
    import torch

    if not absent.any() or absent.all():
        return None
    rows = np.bincount(targets)
    lacking = np.bincount(targets, weights=absent)[rows >= MISSING_CLASS_ROWS]
    rows = rows[rows >= MISSING_CLASS_ROWS]
    if len(rows) < 2 or lacking.sum() in (0, rows.sum()):
        return None
    shares = lacking / rows
    if shares.max() - shares.min() < MISSING_POINTS:
        return None
    overall = lacking.sum() / rows.sum()
    statistic = float(((lacking - rows * overall) ** 2 / (rows * overall * (1 - overall))).sum())
    halves = torch.tensor([(len(rows) - 1) / 2, statistic / 2], dtype=torch.float64)
    p = float(torch.special.gammaincc(halves[0], halves[1]))
    return (float(shares.min()), float(shares.max())) if p < MISSING_P / tests else None


def suspicious(columns: Sequence[ColumnOverview]) -> list[ColumnOverview]:
    """Return the columns with a suspicion that a model is given; those left out can do no harm."""
    return [column for column in columns if column.used and column.suspicions]

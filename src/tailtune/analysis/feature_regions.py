"""Decision regions of a network of tables over two columns, with all others at typical values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.analysis.analysis import Analysis, Regions, Table
from tailtune.data.columns import UNKNOWN_NUMBER, numbers, texts, truths
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.errors import TailtuneError, nearest
from tailtune.words import listed, percent, quoted, shortened

if TYPE_CHECKING:
    import polars as pl
    import torch

    from tailtune.analysis.subject import Subject
    from tailtune.data.schema import Column

READING = (
    "What the network answers as two columns change while every other column stays at a typical value: the median of "
    "its training values, or the most frequent one. Marks are training rows of the rarest classes; their other columns "
    "differ, so that a mark may stand where its row is answered otherwise."
)
TITLE = "Decision regions"
SIDE, LEVELS, POINTS, COLOURS = 48, 12, 40, 4
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


def feature_regions(subject: Subject, features: Sequence[str] = (), seed: int = 0) -> Analysis:
    """Draw what the network answers over two columns.

    Args:
        subject: network and rows of a table.
        features: names of the two columns; those with the largest influence that the run has found by default.
        seed: of the rows that are marked.

    Raises:
        TailtuneError: `features` are not two different columns that the network is given and that can be drawn.
    """
    rows, preprocessor = subject.parts["train"].frame, subject.preprocessor
    if rows is None or not isinstance(preprocessor, TablePreprocessor):
        return Analysis("regions", TITLE, READING, "The rows of this run have no columns by name, so none are drawn.")
    columns = preprocessor.columns
    chosen = _checked(features, columns) if features else _influential(subject, columns)
    if len(chosen) < 2:
        told = "The run has not found two columns with influence that can be drawn; name two with --features."
        return Analysis("regions", TITLE, READING, told)
    frame = as_read(rows, columns)
    across, up = (axis_of(column, frame) for column in chosen)
    typical = {column.name: typical_value(frame[column.name]) for column in columns}
    grid = _grid(across, up, typical, frame)
    answers, rare = _answers(subject, preprocessor.encode(grid), (len(up.values), len(across.values)))
    marks = frame[[across.name, up.name]]
    return _made(subject, across, up, answers, rare, typical, marks, seed)


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


def _drawable(column: Column) -> bool:
    return column.kind in (*CASES, "numeric")


def _checked(features: Sequence[str], columns: tuple[Column, ...]) -> list[Column]:
    known = {column.name: column for column in columns}
    for name in features:
        if name not in known:
            raise TailtuneError(
                f"--features {name}: the network is given no such column.{nearest(name, list(known))} It takes "
                f"{listed(known, most=8)}"
            )
        if not _drawable(known[name]):
            raise TailtuneError(
                f"--features {name}: a column of {known[name].kind} values has no axis; take numbers or categories"
            )
    if len(set(features)) != 2 or len(features) != 2:
        raise TailtuneError(f"--features takes two different columns, however: {' '.join(features)}")
    return [known[name] for name in features]


def _influential(subject: Subject, columns: tuple[Column, ...]) -> list[Column]:
    """The first column that can be drawn of each of the two most influential groups."""
    evidence = subject.run.evidence
    if evidence is None or evidence.influences is None:
        return []
    known = {column.name: column for column in columns if _drawable(column)}
    groups = [[known[name] for name in group.columns if name in known] for group in evidence.influences.listed]
    return [group[0] for group in groups if group][:2]


def _grid(across: Axis, up: Axis, typical: Mapping[str, Any], frame: pl.DataFrame) -> pl.DataFrame:
    """Rows for all cells, those of the lowest value of `up` first."""
    import polars as pl

    rows = len(across.values) * len(up.values)
    at: dict[str, pl.Series] = {}
    for name, value in typical.items():
        at[name] = pl.Series(name, [value], dtype=frame[name].dtype).new_from_index(0, rows)
    at[across.name] = pl.concat([across.values] * len(up.values))
    at[up.name] = up.values.gather(np.repeat(np.arange(len(up.values)), len(across.values)))
    return pl.DataFrame(list(at.values()))


def _answers(
    subject: Subject, inputs: tuple[torch.Tensor, ...], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What is answered [U, A], and the probability of the rarest classes together [U, A]."""
    import torch

    from tailtune.training.probabilities import evaluating

    with evaluating(subject.network):
        scores = torch.softmax(subject.network(*inputs).double(), 1).numpy()
    return scores.argmax(1).reshape(shape), scores[:, subject.profile.tail].sum(1).reshape(shape)


def _made(
    subject: Subject,
    across: Axis,
    up: Axis,
    answers: np.ndarray,
    rare: np.ndarray,
    typical: Mapping[str, Any],
    rows: pl.DataFrame,
    seed: int,
) -> Analysis:
    profile = subject.profile
    shares = np.bincount(answers.ravel(), minlength=profile.num_classes) / answers.size
    rarest = [int(c) for c in profile.tail]
    by_area = [int(c) for c in np.argsort(-shares, kind="stable") if c not in rarest]
    coloured = (rarest[:2] + by_area)[:COLOURS]
    coded = np.full(answers.shape, -1)
    for i, c in enumerate(coloured):
        coded[answers == c] = i
    names = tuple(profile.names[c] for c in coloured)
    drawn = Regions(
        f"Answers over {quoted(across.name)} and {quoted(up.name)}",
        shortened(across.name),
        shortened(up.name),
        across.places,
        up.places,
        tuple(tuple(row) for row in coded.tolist()),
        names,
        _marks(subject, across, up, rows, [c for c in rarest if c in coloured], coloured, seed),
        across.labels,
        up.labels,
    )
    others = {name: value for name, value in typical.items() if name not in (across.name, up.name)}
    largest = float(rare.max())
    told = (
        f"Over {quoted(across.name)} and {quoted(up.name)} the network of this run answers with the rarest classes "
        f"({listed(profile.names[c] for c in rarest)}) in {percent(float(shares[rarest].sum()))} of the area; their "
        f"probability is at most {percent(largest)} there."
    )
    data = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in rarest],
        "features": [across.name, up.name],
        "areas": dict(zip(profile.names, shares.tolist(), strict=True)),
        "largest_rare_probability": largest,
        "typical": {name: str(value) for name, value in others.items()},
    }
    order = profile.by_size.tolist()
    table = Table(
        "Share of the area by class",
        ("class", "training rows", "share of the area"),
        tuple((profile.names[c], profile.counts[c], percent(float(shares[c]))) for c in order),
    )
    fixed = Table(
        "Where the other columns stay",
        ("column", "value"),
        tuple(
            (name, shortened("–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)))
            for name, value in others.items()
        ),
    )
    return Analysis("regions", TITLE, READING, told, (drawn,), (table, fixed) if others else (table,), data)


def _marks(
    subject: Subject,
    across: Axis,
    up: Axis,
    rows: pl.DataFrame,
    classes: Sequence[int],
    coloured: Sequence[int],
    seed: int,
) -> tuple[tuple[float, float, int], ...]:
    """Places of some training rows of these classes."""
    targets = subject.parts["train"].targets.numpy()
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(targets, classes)))[:POINTS]
    found = []
    for row in np.sort(drawn).tolist():
        x, y = (axis.place(rows[axis.name][row]) for axis in (across, up))
        if x is not None and y is not None:
            found.append((x, y, coloured.index(int(targets[row]))))
    return tuple(found)

"""`Analysis`: what every analysis of a finished run hands back, to be drawn by a page and kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Value = float | None
Cell = str | int | float | None


@dataclass(frozen=True)
class Figure:
    """One value a class and series.

    Attributes:
        title: what it shows.
        axis: what the values are.
        labels: the classes [K], in the order in which they are drawn.
        series: values [K] by name, "train" and "test" for parts of the data; None where there is none.
        share: whether the values are shares of rows, from 0 to 1.
    """

    title: str
    axis: str
    labels: tuple[str, ...]
    series: Mapping[str, tuple[Value, ...]]
    share: bool = False


@dataclass(frozen=True)
class Lines:
    """Values along an axis of numbers, a line a series.

    Attributes:
        title: what it shows.
        across: what the places are.
        up: what the values are.
        places: numbers [M], the same for all series.
        series: values [M] by name; None where there is none.
        marks: whether each value is marked.
        logarithmic: whether values span orders of magnitude; those that are 0 or less are not drawn.
    """

    title: str
    across: str
    up: str
    places: tuple[float, ...]
    series: Mapping[str, tuple[Value, ...]]
    marks: bool = False
    logarithmic: bool = False


@dataclass(frozen=True)
class Surface:
    """Values over a plane, as lines of equal height.

    Attributes:
        title: what it shows.
        across: what the places along the first axis are.
        up: what those along the second are.
        x: numbers [A].
        y: numbers [U].
        values: [U, A].
        levels: heights of the lines, rising; the same for surfaces that are to be compared.
        series: which colour it has, from 0.
    """

    title: str
    across: str
    up: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    levels: tuple[float, ...]
    series: int = 0


@dataclass(frozen=True)
class Regions:
    """The answer at each cell of a plane, and points on it.

    Attributes:
        title: what it shows.
        across: what the first axis is.
        up: what the second is.
        x: middles of the cells [A], at equal distances.
        y: likewise [U].
        answers: index into `names` [U, A]; -1 for another answer.
        names: of the answers that have colours, five at most.
        points: (x, y, index into `names`) of rows that are shown.
        across_labels: words for the places along the first axis, where they are cases.
        up_labels: likewise of the second.
        square: whether a step across is as long as one up.
    """

    title: str
    across: str
    up: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    answers: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    points: tuple[tuple[float, float, int], ...] = ()
    across_labels: tuple[str, ...] = ()
    up_labels: tuple[str, ...] = ()
    square: bool = False


Drawn = Figure | Lines | Surface | Regions


@dataclass(frozen=True)
class Table:
    """Rows of cells; None is a value that is not defined."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Attributes:
        name: as `tailtune analyse --only` takes it.
        title: in words.
        reading: a sentence that says what to read from the figures.
        finding: a sentence that says what is unusual in this run.
        figures: to be drawn.
        tables: to be shown.
        data: every figure that was computed, by key; ready for JSON.
    """

    name: str
    title: str
    reading: str
    finding: str
    figures: tuple[Drawn, ...] = ()
    tables: tuple[Table, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

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
        series: values [K] of the part "train" and of the part "test"; None where there is none.
        share: whether the values are shares of rows, from 0 to 1.
    """

    title: str
    axis: str
    labels: tuple[str, ...]
    series: Mapping[str, tuple[Value, ...]]
    share: bool = False


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
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

"""What `fit` and `evaluate` print: the verdict and the headline figures of a run, and the scores on other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from tailtune.evaluation.measures import MEASURES, listed
from tailtune.report.run_page.verdict import verdict
from tailtune.run.result import Interval, Result
from tailtune.run.score import Scores
from tailtune.words import NONE

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

KEPT = ("name", "label", "role", "seconds", "metrics", "intervals", "difference")


def headline_rows(result: Result) -> list[Mapping[str, object]]:
    """The model and each baseline with its figures, intervals and the model's difference from it, ready for JSON."""
    return [{key: values[key] for key in KEPT} for values in map(asdict, result.systems)]


def headline(result: Result) -> Group:
    """The verdict, and a table of headline figures with 95 % intervals: the model first, then each baseline."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    judged = verdict(result)
    table = Table(box=box.SIMPLE, caption="on the test rows, with 95 % intervals", caption_justify="left")
    table.add_column("", no_wrap=True)
    for system in result.systems:
        table.add_column(Text(system.label), justify="right", min_width=20)  # a figure with its interval
    for measure in listed("terminal", [*MEASURES, *result.measures], result.headline):
        key = measure.key
        values = [(system.metrics.get(key), system.intervals.get(key)) for system in result.systems]
        if any(value is not None for value, _ in values):
            table.add_row(key.replace("_", " "), *(_cell(*value) for value in values))
    table.add_row("seconds", *(f"{system.seconds:.1f}" for system in result.systems))
    notes = [Text(note) for note in judged.notes]
    return Group(Text(judged.sentence, style="bold"), *notes, table)


def scores_table(scores: Scores) -> Table:
    """The figures of `tailtune evaluate`, then each class."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{scores.rows} rows, 95 % intervals", box=box.SIMPLE)
    for column in ("", "precision", "recall", "f1", "rows"):
        table.add_column(column, justify="left" if not column else "right")
    for measure in listed("terminal", [*MEASURES, *scores.measures], scores.headline):
        if measure.key in scores.metrics:  # one's own may not apply
            name = measure.key.replace("_", " ")
            table.add_row(name, _cell(scores.metrics[measure.key], scores.intervals.get(measure.key)))
    table.add_section()
    for row in scores.per_class:
        cells = [_cell(value) for value in (row.precision, row.recall, row.f1)]
        table.add_row(Text(row.name), *cells, str(row.support))
    return table


def _cell(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return NONE
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")

"""The headline figures of a run for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tailtune.evaluation.measures import listed, of_result

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def headline_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The model and each baseline with its figures, intervals and the model's difference from it."""
    keep = ("name", "label", "role", "seconds", "metrics", "intervals", "difference")
    return [{key: system[key] for key in keep if key in system} for system in result["systems"]]


def _cell(value: float | None, interval: list[float] | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def headline(result: dict[str, Any]) -> Group:
    """The verdict, and a table of headline figures with 95 % intervals: the model first, then each baseline."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from tailtune.report.verdict import verdict

    judged = verdict(result)
    table = Table(box=box.SIMPLE, caption="on the test rows, with 95 % intervals", caption_justify="left")
    table.add_column("", no_wrap=True)
    for system in result["systems"]:
        table.add_column(Text(system["label"]), justify="right", min_width=20)  # a figure with its interval
    for measure in listed("terminal", of_result(result), result.get("headline")):
        key = measure.key
        values = [(system["metrics"].get(key), system["intervals"].get(key)) for system in result["systems"]]
        if any(value is not None for value, _ in values):
            table.add_row(key.replace("_", " "), *(_cell(*value) for value in values))
    table.add_row("seconds", *(f"{system['seconds']:.1f}" for system in result["systems"]))
    notes = [Text(note) for note in judged.notes]
    return Group(Text(judged.sentence, style="bold"), *notes, table)


def scores_table(scores: dict[str, Any]) -> Table:
    """The figures of `tailtune evaluate`, then each class."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{scores['rows']} rows, 95 % intervals", box=box.SIMPLE)
    for column in ("", "precision", "recall", "f1", "rows"):
        table.add_column(column, justify="left" if not column else "right")
    for measure in listed("terminal", of_result(scores), scores["headline"]):
        if measure.key in scores:  # one's own may not apply
            name = measure.key.replace("_", " ")
            table.add_row(name, _cell(scores[measure.key], scores["intervals"].get(measure.key)))
    table.add_section()
    for row in scores["per_class"]:
        cells = [_cell(row[name]) for name in ("precision", "recall", "f1")]
        table.add_row(Text(row["name"]), *cells, str(row["support"]))
    return table

"""The headline figures of a run for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

FIGURES = ("balanced_accuracy", "tail_accuracy", "accuracy", "macro_f1", "macro_auprc", "log_loss", "ece")


def headline_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The model and each baseline with its figures, intervals and the model's difference from it."""
    keep = ("name", "label", "role", "seconds", "metrics", "intervals", "difference")
    return [{key: system[key] for key in keep if key in system} for system in result["systems"]]


def _cell(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + (f"\n[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def headline(result: dict[str, Any]) -> Group:
    """The verdict and a table of headline figures with 95 % intervals."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from tailtune.report.verdict import verdict

    table = Table(box=box.SIMPLE)
    table.add_column("on the test rows, 95 % intervals")
    figures = [name for name in FIGURES if any(s["metrics"].get(name) is not None for s in result["systems"])]
    for name in figures:
        table.add_column(name.replace("_", " "), justify="right")
    for system in result["systems"]:
        cells = [_cell(system["metrics"].get(name), system["intervals"].get(name)) for name in figures]
        table.add_row(Text(system["label"]), *cells)
    return Group(Text(verdict(result).sentence), table)


def scores_table(scores: dict[str, Any]) -> Table:
    """The figures of `tailtune evaluate`, then each class."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{scores['rows']} rows, 95 % intervals", box=box.SIMPLE)
    for column in ("", "precision", "recall", "f1", "rows"):
        table.add_column(column, justify="left" if not column else "right")
    for name in FIGURES:
        table.add_row(name.replace("_", " "), _cell(scores[name], scores["intervals"].get(name)).replace("\n", " "))
    table.add_section()
    for row in scores["per_class"]:
        cells = [_cell(row[name], None) for name in ("precision", "recall", "f1")]
        table.add_row(Text(row["name"]), *cells, str(row["support"]))
    return table

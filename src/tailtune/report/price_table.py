"""What a comparison will cost, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.study.estimate import Cost

if TYPE_CHECKING:
    from rich.console import Group


def price_table(cost: Cost) -> Group:
    """Lay out what `tailtune.study.estimate.estimate` found: a row for each method on each data set, then the sum."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_edge=False)
    for column in ("data", "arm"):
        table.add_column(column, overflow="fold")
    for column in ("runs", "finished", "trials", "seconds a run"):
        table.add_column(column, justify="right")
    notes = []
    for row in cost.rows:
        data = row.dataset if row.ratio is None else f"{row.dataset} at ratio {row.ratio:g}"
        seconds = "–" if row.seconds is None else f"{row.seconds:.0f}"
        table.add_row(Text(data), Text(row.arm), str(row.runs), str(row.cached), str(row.trials), seconds)
        if row.problem:
            notes.append(Text(f"{row.arm} on {data} could not be timed: {row.problem}"))
    hours, space = cost.hours, cost.megabytes
    time = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes" if hours > 1 / 60 else "a minute"
    left = cost.runs - cost.cached
    trials = f" and {cost.trials} trials" if cost.trials else ""
    sentence = (
        f"{left} trainings{trials} to do, {cost.cached} finished: about {time} with {cost.jobs} at a time, and "
        f"{max(space, 1):.0f} MB of disk space"
    )
    return Group(table, *notes, Text(sentence))

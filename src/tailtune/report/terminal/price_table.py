"""What a study will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.report.rendering import sentence
from tailtune.study.estimate import Cost
from tailtune.study.statistics import name_of
from tailtune.words import NONE

if TYPE_CHECKING:
    from rich.console import Group

SENTENCES = "price.txt.j2"


def price_table(cost: Cost) -> Group:
    """Lay out what `tailtune.study.estimate.estimate` found: a row for each arm on each data set, then the sum."""
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
        data = name_of({"dataset": row.dataset, "ratio": row.ratio})
        seconds = NONE if row.seconds is None else f"{row.seconds:.0f}"
        table.add_row(Text(data), Text(row.arm), str(row.runs), str(row.cached), str(row.trials), seconds)
        if row.problem:
            notes.append(Text(sentence(SENTENCES, "not_timed", arm=row.arm, data=data, problem=row.problem)))
    return Group(table, *notes, Text(sentence(SENTENCES, "left", cost=cost)))

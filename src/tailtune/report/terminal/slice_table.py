"""Slices in the terminal: a compact table a column, and the sentences on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tailtune.evaluation.slices import Sliced
from tailtune.report.run_page.slices import HEADINGS, slice_tables

if TYPE_CHECKING:
    from rich.console import Group


def slice_group(slices: Sequence[Sliced], names: Sequence[str], rare: str) -> Group:
    """Return the tables of all columns.

    Args:
        slices: by column.
        names: of the classes, in class order.
        rare: the rarest classes in words.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown: list[Table | Text] = []
    for each in slice_tables(slices, names, rare):
        table = Table(box=box.SIMPLE)
        table.add_column(Text(each.column), max_width=30)
        for heading in ("rows", "rare", *map(str.lower, HEADINGS)):
            table.add_column(heading, justify="right")
        for row in each.rows:
            cells = [
                f"{value} [{interval}]" if interval and i < 1 else value
                for i, (value, interval) in enumerate(row.cells)
            ]
            table.add_row(Text(row.label), row.rows, row.rare, *cells)
        shown += [table, *map(Text, each.told)]
    return Group(*shown)

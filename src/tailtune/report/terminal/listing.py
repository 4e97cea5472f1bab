"""`tailtune list`: what the options accept, each with the first line of its documentation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

What = Literal["methods", "models", "datasets", "profiles", "policies", "measures"]


def entries(what: What) -> list[tuple[str, str]]:
    """Name and one line about each entry of a list."""
    if what == "methods":
        from tailtune import methods

        # a method's page is its module, and the module's first line says what it is
        homes = [(name, getattr(methods, name).__module__) for name in methods.__all__]
        return [(name, _first_line(importlib.import_module(home).__doc__)) for name, home in homes]
    if what == "datasets":
        from tailtune.data import catalog

        return [(name, catalog.about(name)) for name in catalog.__all__]
    if what == "profiles":
        from tailtune.data.longtail import PROFILES

        return [*PROFILES.items()]
    if what == "measures":
        from tailtune.evaluation.measures import MEASURES

        return [(m.key, f"{m.term[0].upper()}{m.term[1:]}. {m.meaning}") for m in MEASURES]
    if what == "models":
        from tailtune.models import listed

        where = f"parameters at {listed.SIDE} px and {listed.CLASSES} classes"
        images = [(name, f"for images; {m.parameters:>10,} {where}") for name, m in listed.IMAGE_MODELS.items()]
        return [*((name, f"for tables; {words}") for name, words in listed.TABLE_MODELS.items()), *images]
    from tailtune.augment.policies import PARTS

    return [*PARTS.items(), ("none", "leave the images as they are"), ("a+b", "several of them, joined by +")]


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def listing_table(rows: list[tuple[str, str]]) -> Table:
    """Lay the entries out for a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, about in rows:
        table.add_row(name, about)
    return table

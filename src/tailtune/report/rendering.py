"""The one environment that templates are rendered in: pages, and sentences for pages and the terminal alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tailtune import words

if TYPE_CHECKING:
    import jinja2

FILTERS = ("percent", "number", "whole", "amount", "points", "shortened", "quoted", "listed")


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(words, name) for name in FILTERS}
    return environment


def page(template: str, view: Mapping[str, object]) -> str:
    """Render a page; everything that comes from data is escaped, and control characters are replaced."""
    return words.printable_lines(_environment().get_template(template).render(view))


def sentence(template: str, name: str, **values: object) -> str:
    """Render one macro of a template of sentences as plain text on one line, which a page escapes when it shows it.

    Args:
        template: file of the templates.
        name: the macro.
        values: its arguments.
    """
    text = getattr(_environment().get_template(template).module, name)(**values)
    return re.sub(r"[ \n]+", " ", text).strip()  # not other white space: a no-break space has to stay

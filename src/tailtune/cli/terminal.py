"""What the command line says: tables and figures on stdout, notes on stderr, JSON where it is asked for."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

from tailtune.words import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Printed

    from tailtune.paper.page import Table


def console(stderr: bool = False) -> Console:
    """Return what prints tables and text to stdout or stderr, in which names from data are shown as plain text."""
    from rich.console import Console

    from tailtune.report.terminal.printable import PrintableHook

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 120  # in a file or a pipe there is no window that tables must fit
    made = Console(stderr=stderr, highlight=False, emoji=False, width=width, soft_wrap=not stream.isatty())
    made.push_render_hook(PrintableHook())
    return made


def note(sentence: str) -> None:
    """Print a sentence to stderr."""
    console(stderr=True).print(printable(sentence), markup=False)


class _Notes(logging.Handler):
    """Shows what the library logs, such as how far pictures are read, as a line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        note(record.getMessage())


def show_log() -> None:
    """Let what the library logs be seen."""
    log = logging.getLogger("tailtune")
    if not log.handlers:
        log.addHandler(_Notes())
        log.setLevel(logging.INFO)
        log.propagate = False


def print_json(value: Any) -> None:
    """Print a value of plain types as JSON, without characters that would act on a terminal."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    print(re.sub(r"[^\n]", lambda letter: letter[0] if letter[0].isprintable() else json.dumps(letter[0])[1:-1], text))


def text_table(table: Table) -> Printed:
    """Lay out a table whose cells are text; what comes from data is no markup."""
    from rich import box
    from rich.table import Table as Printed
    from rich.text import Text

    made = Printed(box=box.SIMPLE, show_edge=False)
    for number, column in enumerate(table.columns):
        made.add_column(column, justify="right" if number else "left")
    for line in table.rows:
        made.add_row(*(Text(cell) for cell in line))
    return made

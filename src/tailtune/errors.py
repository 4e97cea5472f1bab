"""The one error that tailtune raises on purpose, and the nearest known name for its messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TailtuneError(ValueError):
    """Bad input, told in one line: what is wrong, where (file, row, column, class), and how to mend it.

    The command line prints the line and exits with 2; a traceback from tailtune is therefore a defect.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name closest to `name`, or an empty string.

    >>> nearest("tunned", ["erm", "tuned"])
    " Did you mean 'tuned'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""

"""The one error that tailtune raises on purpose, and the nearest known name for its messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tailtune.words import printable


class TailtuneError(ValueError):
    """Bad input, told in one line: what is wrong, where (file, row, column, class), and how to mend it.

    The command line prints the line and exits with 2; a traceback from tailtune is therefore a defect.

    Names from data may hold line ends and control characters; in the message they are spaces and marked places.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(" ".join(message.splitlines())))


@contextmanager
def naming_arguments() -> Iterator[None]:
    """Let errors within a ``with`` block name Python arguments where they would name options of the command line.

    Raises:
        TailtuneError: whatever the block raises, with val_fraction for --val-fraction and the like.

    >>> with naming_arguments():
    ...     raise TailtuneError("there are no validation rows; use a larger --val-fraction")
    Traceback (most recent call last):
    tailtune.errors.TailtuneError: there are no validation rows; use a larger val_fraction
    """
    try:
        yield
    except TailtuneError as error:
        told = re.sub(r"--([a-z][a-z-]*)", lambda option: option[1].replace("-", "_"), str(error))
        if told == str(error):
            raise
        raise TailtuneError(told) from error


def nearest(name: str, known: Iterable[str], alike: float = 0.5) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name closest to `name`, or an empty string where none is `alike`.

    >>> nearest("tunned", ["erm", "tuned"])
    " Did you mean 'tuned'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=alike)
    return f" Did you mean {close[0]!r}?" if close else ""

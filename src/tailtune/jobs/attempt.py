"""One task carried out, so that whatever goes wrong in it comes to one line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted


@dataclass(frozen=True)
class Answer:
    """How a task ended: well, with a line about its failure, stopped by a signal, or left to who holds it."""

    failure: str | None = None
    stopped: bool = False
    elsewhere: bool = False


def attempt(task: Callable[[], object]) -> str | None:
    """Carry out `task`; return None, or one line about what went wrong.

    Raises:
        Interrupted: a signal came.
        KeyboardInterrupt: a signal came.
    """
    try:
        task()
    except TailtuneError as error:
        return " ".join(str(error).split())
    except Interrupted:
        raise
    except Exception as error:  # in code of the user's own, or a defect: the other tasks go on
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return " ".join(f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})".split())
    return None

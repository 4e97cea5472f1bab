"""Ctrl-C and SIGTERM that wait for the end of the step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(Exception):  # noqa: N818  # not an error: the user asked for it
    """Training was stopped from outside; the message names the checkpoint to go on from."""


@dataclass
class Flag:
    """Whether a signal has come."""

    raised: bool = False


@contextmanager
def deferred_interrupts() -> Iterator[Flag]:
    """Turn the first SIGINT or SIGTERM into a raised flag; a second SIGINT interrupts at once.

    Outside the main thread, where Python allows no signal handlers, the flag stays down.
    """
    flag = Flag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if flag.raised and number == signal.SIGINT:
            raise KeyboardInterrupt
        flag.raised = True

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

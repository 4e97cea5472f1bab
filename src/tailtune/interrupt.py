"""Ctrl-C, SIGTERM and SIGUSR1 that wait for the end of the step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

REQUEUES = (signal.SIGTERM, signal.SIGUSR1)  # how schedulers such as Slurm say that the time is up
STOPS = (signal.SIGINT, *REQUEUES)
_received: list[int] = []  # by the handlers below, since the outermost of them was set up


class Interrupted(Exception):  # noqa: N818  # not an error: the user asked for it
    """Work was stopped from outside, and can go on.

    Args:
        message: how far it came.
        how: what to do to go on.
    """

    def __init__(self, message: str, how: str = "go on with the same command and --resume") -> None:
        super().__init__(message)
        self.how = how


@dataclass
class Flag:
    """Whether a signal has come."""

    raised: bool = False


def was_interrupted() -> bool:
    """Whether a signal has come."""
    return bool(_received)


def to_be_requeued() -> bool:
    """Whether the signal that came was one by which a scheduler ends a job that it can start again."""
    return bool(_received) and _received[0] in REQUEUES


@contextmanager
def interrupting() -> Iterator[None]:
    """Let SIGTERM and SIGUSR1 raise KeyboardInterrupt, as Ctrl-C does, and remember for `to_be_requeued` which it was.

    Raises:
        KeyboardInterrupt: one of them came.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        raise KeyboardInterrupt

    _received.clear()
    with _handling(on_signal):
        yield


@contextmanager
def deferred_interrupts() -> Iterator[Flag]:
    """Turn the first SIGINT, SIGTERM or SIGUSR1 into a raised flag; a second SIGINT interrupts at once.

    Outside the main thread, where Python allows no signal handlers, the flag stays down.
    """
    flag = Flag()

    def on_signal(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        if flag.raised and number == signal.SIGINT:
            raise KeyboardInterrupt
        flag.raised = True

    with _handling(on_signal):
        yield flag


@contextmanager
def _handling(on_signal: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, on_signal) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

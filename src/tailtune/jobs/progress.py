"""Who is told how the tasks go: a bar on a terminal, elsewhere a line for each task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tailtune.jobs.task import Progress

SELDOM = 10.0  # seconds


class Lines:
    """Says a line when a task ends.

    Args:
        say: prints it.
        what: what is counted, in the plural.
    """

    def __init__(self, say: Callable[[str], object], what: str) -> None:
        self.say, self.what = say, what
        self.total = self.done = 0
        self.waiting = ""

    def start(self, total: int, done: int) -> None:
        """Say how much there is to do."""
        self.total, self.done = total, done
        self.say(f"{total} {self.what}, of which {done} are finished")

    def begin(self, title: str) -> None:
        """Say nothing."""

    def finish(self, title: str, seconds: float, failure: str | None) -> None:
        """Say what ended, and how."""
        self.done += failure is None
        ending = f"{seconds:.1f} s" if failure is None else f"failed: {failure}"
        self.say(f"{self.done} of {self.total} {self.what}: {title}: {ending}")

    def wait(self, title: str, holder: str) -> None:
        """Say once who is waited for."""
        if self.waiting != title:
            self.waiting = title
            self.say(f"waiting for {holder}: {title}")


class Seldom:
    """Says how many have ended, no more often than every few seconds.

    Args:
        say: prints a line.
        what: what is counted, in the plural.
    """

    def __init__(self, say: Callable[[str], object], what: str) -> None:
        self.say, self.what = say, what
        self.total = self.done = 0
        self.said = time.monotonic()

    def start(self, total: int, done: int) -> None:
        """Take note of how much there is to do."""
        self.total, self.done = total, done

    def begin(self, title: str) -> None:
        """Say nothing."""

    def finish(self, title: str, seconds: float, failure: str | None) -> None:
        """Say how many are done, if nothing was said for a while."""
        self.done += failure is None
        if time.monotonic() - self.said >= SELDOM and self.done < self.total:
            self.said = time.monotonic()
            self.say(f"{self.done} of {self.total} {self.what} are done")

    def wait(self, title: str, holder: str) -> None:
        """Say nothing."""


class Bar:
    """A bar over all tasks with the time left, and what runs now.

    Args:
        console: the terminal.
        what: what is counted, in the plural.
    """

    def __init__(self, console: Console, what: str) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            MofNCompleteColumn(),
            TextColumn(what),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[now]}", markup=False),
        )
        self.console, self.what = console, what
        self.progress = Progress(*columns, console=console, transient=True)
        self.task = self.progress.add_task("", total=None, now="")

    def start(self, total: int, done: int) -> None:
        """Show `done` of `total`."""
        self.progress.update(self.task, total=total, completed=done)

    def begin(self, title: str) -> None:
        """Show what runs."""
        self.progress.update(self.task, now=title)

    def finish(self, title: str, seconds: float, failure: str | None) -> None:
        """Move the bar, or keep a line about the failure above it."""
        if failure is None:
            self.progress.advance(self.task)
        else:
            self.console.print(f"{title} failed: {failure}", markup=False)

    def wait(self, title: str, holder: str) -> None:
        """Show who is waited for."""
        self.progress.update(self.task, now=f"waiting for {holder}: {title}")


@contextmanager
def shown(console: Console, say: Callable[[str], object], what: str, *, each: bool = True) -> Iterator[Progress]:
    """Yield a bar if `console` is a terminal, else what says a line for `each`, or one now and then."""
    if not console.is_terminal:
        yield Lines(say, what) if each else Seldom(say, what)
        return
    bar = Bar(console, what)
    with bar.progress:
        yield bar

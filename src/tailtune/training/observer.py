"""Who is told how training goes: nobody, a progress bar on a terminal, or a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from tailtune.training.log import watched
from tailtune.words import NBSP, duration

if TYPE_CHECKING:
    from rich.console import Console

FIRST_LINE, NEXT_LINE = 10.0, 30.0  # seconds


class Observer(Protocol):
    """Told of steps and epochs; must not change anything."""

    def start(self, steps: int, done: int) -> None:
        """Training runs for `steps` steps, of which `done` lie behind."""
        ...

    def step(self, done: int, loss: float) -> None:
        """`done` steps lie behind; `loss` is the latest mean training loss."""
        ...

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch ended; `row` is its line of metrics.jsonl."""
        ...


class Silent:
    """Says nothing."""

    def start(self, steps: int, done: int) -> None:
        """Say nothing."""

    def step(self, done: int, loss: float) -> None:
        """Say nothing."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Say nothing."""


class Bar:
    """A progress bar with time left, training loss and the validation scores of the latest epoch."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("epochs {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[scores]}"),
        )
        self.progress = Progress(*columns, console=console, transient=True)
        self.task = self.progress.add_task("train", total=None, epoch=0, scores="")
        self.loss, self.validation = float("nan"), ""

    def start(self, steps: int, done: int) -> None:
        """Show `done` of `steps`."""
        self.progress.update(self.task, total=steps, completed=done)

    def step(self, done: int, loss: float) -> None:
        """Move the bar and show the loss."""
        self.loss = loss
        self.progress.update(self.task, completed=done, scores=f"loss {loss:.3f}{self.validation}")

    def epoch(self, row: dict[str, Any]) -> None:
        """Show the validation scores of the epoch."""
        self.validation = validation_scores(row)
        self.progress.update(self.task, epoch=row["epoch"], scores=f"loss {self.loss:.3f}{self.validation}")


class Lines:
    """A line now and then, for files and pipes: the first after 10 seconds, then one every 30 seconds.

    Args:
        say: is told each line.
        clock: seconds that have passed.
    """

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self.clock = say, clock
        self.steps, self.before, self.began, self.due = 0, 0, clock(), clock() + FIRST_LINE
        self.finished, self.scores = 0, ""

    def start(self, steps: int, done: int) -> None:
        """Note how long the way is."""
        self.steps, self.before, self.began = steps, done, self.clock()

    def step(self, done: int, loss: float) -> None:
        """Say how far training is, if it is time."""
        now = self.clock()
        if now < self.due:
            return
        self.due = now + NEXT_LINE
        left = (now - self.began) / max(1, done - self.before) * (self.steps - done)
        times = f"{duration(round(now - self.began))} so far, about {duration(round(left))} left".replace(NBSP, " ")
        self.say(f"step {done:,} of {self.steps:,} (epochs {self.finished}): {times}, loss {loss:.3f}{self.scores}")

    def epoch(self, row: dict[str, Any]) -> None:
        """Note the validation scores of the epoch."""
        self.finished, self.scores = row["epoch"], validation_scores(row)


def validation_scores(row: dict[str, Any]) -> str:
    """Return the scores of a line of metrics.jsonl in words, nothing where nothing was scored."""
    part = watched([row])
    if part is None:
        return ""
    balanced, tail = row[f"{part}_balanced_accuracy"], row[f"{part}_tail_accuracy"]
    return f" · {part} balanced {balanced:.3f}" + ("" if tail is None else f" · tail {tail:.3f}")


@contextmanager
def shown(console: Console, say: Callable[[str], object]) -> Iterator[Observer]:
    """Yield a `Bar` if `console` is a terminal, else `Lines` for `say`."""
    if not console.is_terminal:
        yield Lines(say)
        return
    bar = Bar(console)
    with bar.progress:
        yield bar

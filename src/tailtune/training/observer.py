"""Who is told how training goes: nobody, or a progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from tailtune.training.log import watched

if TYPE_CHECKING:
    from rich.console import Console


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
        part = watched([row])
        if part is not None:
            balanced, tail = row[f"{part}_balanced_accuracy"], row[f"{part}_tail_accuracy"]
            self.validation = f" · {part} balanced {balanced:.3f}" + ("" if tail is None else f" · tail {tail:.3f}")
        self.progress.update(self.task, epoch=row["epoch"], scores=f"loss {self.loss:.3f}{self.validation}")


@contextmanager
def progress_bar(console: Console) -> Iterator[Observer]:
    """Yield a `Bar` if `console` is a terminal, else an observer that says nothing."""
    if not console.is_terminal:
        yield Silent()
        return
    bar = Bar(console)
    with bar.progress:
        yield bar

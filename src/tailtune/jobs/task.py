"""What can be carried out (`Task`), by whom (`Crew`), who keeps count of it (`Register`) and is told (`Progress`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

On = Literal["local", "slurm", "ray"]  # where tasks are carried out, see `engine`


class Task(Protocol):
    """Something to do once, in any process: picklable."""

    @property
    def key(self) -> str:
        """Its name among all tasks of the folder."""
        ...

    @property
    def title(self) -> str:
        """For messages."""
        ...

    def done(self) -> bool:
        """Whether its result is there."""
        ...

    def __call__(self) -> None:
        """Do it; on an interrupt leave what it needs to be gone on with."""
        ...


class Progress(Protocol):
    """Told how far the tasks are."""

    @property
    def what(self) -> str:
        """What is counted, in the plural, such as trainings."""
        ...

    def start(self, total: int, done: int) -> None:
        """There are `total` tasks, of which `done` were done before."""
        ...

    def begin(self, title: str) -> None:
        """A task begins."""
        ...

    def finish(self, title: str, seconds: float, failure: str | None) -> None:
        """A task ended; `failure` is one line."""
        ...

    def wait(self, title: str, holder: str) -> None:
        """Nothing is left to do but to wait for a task of another process."""
        ...


class Crew(Protocol):
    """Carries out several tasks at a time, somewhere."""

    def has_room(self) -> bool:
        """Whether a task can be given."""
        ...

    def busy(self) -> list[Task]:
        """The tasks in progress."""
        ...

    def give(self, task: Task) -> None:
        """Begin `task`."""
        ...

    def drop(self, task: Task) -> None:
        """End the work on `task` at once."""
        ...

    def collect(self, seconds: float) -> Iterator[tuple[Task, str | None]]:
        """Wait for up to `seconds`; yield each task that ended with None or a line about its failure."""
        ...

    def stop(self) -> Iterator[tuple[Task, str | None]]:
        """End all work as an interrupt does; yield the tasks that ended all the same. The others stay `busy`."""
        ...


class Register(Protocol):
    """By which processes agree on who does what, see `Claims`."""

    def take(self, key: str) -> bool:
        """Whether `key` was free, and is ours now."""
        ...

    def release(self, key: str) -> None:
        """Leave `key` to others."""
        ...

    def finish(self, key: str) -> None:
        """Take note that `key` is done."""
        ...

    def lost(self, key: str) -> bool:
        """Whether another process has taken over what was ours."""
        ...

    def holder(self, key: str) -> str:
        """Say who holds `key`."""
        ...

"""What can be carried out (`Task`), and who is told of it (`Progress`)."""

from __future__ import annotations

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

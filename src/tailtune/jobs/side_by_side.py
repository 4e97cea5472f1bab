"""Several trainings of one run at a time, by processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.jobs.capacity import capacity
from tailtune.jobs.launch import launch
from tailtune.jobs.task import Progress, Task
from tailtune.jobs.workers import LocalCrew


@dataclass(frozen=True)
class SideBySide:
    """Carries out trainings of one run, see `tailtune.run.learner.Together`.

    Attributes:
        asked: how many at a time; None for as many as processors and memory allow.
        show: opens an observer of what is counted.
        cores: processors of this machine.
        free: tells the memory that is free, in bytes.
    """

    asked: int | None
    show: Callable[[str], AbstractContextManager[Progress]]
    cores: int
    free: Callable[[], int]

    def __post_init__(self) -> None:
        """Refuse less than one at a time.

        Raises:
            TailtuneError: saying so.
        """
        if self.asked is not None and self.asked < 1:
            raise TailtuneError(f"--jobs must be 1 or more, however: {self.asked}")

    def room(self, threads: int, memory: float, trainings: int) -> int:
        """Return how many at a time, if each takes so many processor threads and bytes of memory."""
        free = self.free()
        found = capacity(self.asked, threads, cores=self.cores, gpus=0, free=free, need=memory, tasks=trainings)
        return found.jobs or 1

    def __call__(self, trainings: Sequence[Task], at_a_time: int, threads: int) -> None:
        """Carry out `trainings` as far as they succeed; one that fails is left as it is.

        Raises:
            Interrupted: stopped by a signal.
        """
        with self.show("trainings") as progress, LocalCrew(at_a_time, threads) as crew:
            try:
                launch(trainings, progress, _Unshared(), crew)
            except Interrupted as stop:
                raise Interrupted(str(stop)) from stop


class _Unshared:
    """Nobody else works in the folder, of which there is a lock."""

    def take(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        pass

    def finish(self, key: str) -> None:
        pass

    def lost(self, key: str) -> bool:
        return False

    def holder(self, key: str) -> str:
        return "this process"

"""Carries out tasks: one after the other in this process, or several at a time by a crew."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted, deferred_interrupts, interrupting, was_interrupted
from tailtune.jobs.attempt import attempt
from tailtune.jobs.task import Crew, Progress, Register, Task

LOOK_AGAIN = 2.0  # seconds between looks at what other processes hold
POLL = 0.2
HOW = "the same command goes on from there"


@dataclass
class _Work:
    """What is left to do.

    Attributes:
        open: tasks that are neither done, nor failed, nor in progress here.
        failures: of this process: a line for each key.
    """

    open: list[Task]
    claims: Register
    progress: Progress
    failures: dict[str, str] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    looked: float = -LOOK_AGAIN

    def take(self) -> Task | None:
        """Claim the next task that is free."""
        if time.monotonic() - self.looked < LOOK_AGAIN:
            return None
        for task in list(self.open):
            if task.done():  # by another process
                self.open.remove(task)
                self.progress.finish(task.title, 0.0, None)
            elif self.claims.take(task.key):
                self.open.remove(task)
                if task.done():  # between the two looks
                    self.claims.finish(task.key)
                    self.progress.finish(task.title, 0.0, None)
                    continue
                self.began[task.key] = time.monotonic()
                self.progress.begin(task.title)
                return task
        self.looked = time.monotonic()
        return None

    def end(self, task: Task, failure: str | None) -> None:
        """Take note that a task is done or has failed."""
        if failure is None:
            self.claims.finish(task.key)
        else:
            self.failures[task.key] = failure
            self.claims.release(task.key)
        self.progress.finish(task.title, time.monotonic() - self.began[task.key], failure)

    def put_back(self, task: Task) -> None:
        """Leave a task unfinished, for others or for later."""
        self.claims.release(task.key)
        self.open.append(task)


def launch(
    tasks: Sequence[Task], progress: Progress, claims: Register, crew: Crew | None = None, *, wait: bool = False
) -> dict[str, str]:
    """Do all tasks that are not done and that no other process is at.

    Args:
        tasks: in the order in which they are begun.
        progress: is told how far it is.
        claims: by which processes agree.
        crew: who does several at a time; None does one task after the other in this process.
        wait: whether to wait for the tasks of other processes, and take up those of dead ones.

    Returns:
        One line for the key of each task that failed; the others went on.

    Raises:
        TailtuneError: the folder cannot be written to.
        Interrupted: stopped by a signal; what was begun can be gone on with.
    """
    left = [task for task in tasks if not task.done()]
    progress.start(len(tasks), len(tasks) - len(left))
    work = _Work(left, claims, progress)
    try:
        if crew is None:
            with interrupting():
                _one_by_one(work, wait)
        else:
            _at_once(work, crew, wait)
    except (Interrupted, KeyboardInterrupt) as stop:
        done = sum(task.done() for task in tasks)
        raise Interrupted(f"stopped with {done} of {len(tasks)} {progress.what} finished", HOW) from stop
    return work.failures


def _one_by_one(work: _Work, wait: bool) -> None:
    for task in _forthcoming(work, wait):
        try:
            failure = attempt(task)
        except BaseException:
            work.put_back(task)
            raise
        work.end(task, failure)
        if was_interrupted():  # at the very end of the task
            raise KeyboardInterrupt


def _forthcoming(work: _Work, wait: bool) -> Iterator[Task]:
    while work.open:
        task = work.take()
        if task is not None:
            yield task
        elif work.open and not wait:
            return
        elif work.open:
            work.progress.wait(work.open[0].title, work.claims.holder(work.open[0].key))
            time.sleep(POLL)


def _at_once(work: _Work, crew: Crew, wait: bool) -> None:
    with deferred_interrupts() as interrupt:
        while not interrupt.raised:
            while crew.has_room() and work.open and (task := work.take()) is not None:
                crew.give(task)
            if not crew.busy() and not (wait and work.open):
                return
            if not crew.busy():
                work.progress.wait(work.open[0].title, work.claims.holder(work.open[0].key))
                time.sleep(POLL)
            for task in [task for task in crew.busy() if work.claims.lost(task.key)]:
                crew.drop(task)  # this machine slept, and another process has begun it anew
                work.put_back(task)
            for task, failure in crew.collect(POLL):
                work.end(task, failure)
        for task, failure in crew.stop():
            work.end(task, failure)
        for task in crew.busy():
            work.put_back(task)
        raise KeyboardInterrupt


def refuse_failures(failures: Mapping[str, str]) -> None:
    """Sum up what failed.

    Args:
        failures: one line for each title.

    Raises:
        TailtuneError: there are some.
    """
    if failures:
        listed = "; ".join(f"{title}: {line}" for title, line in failures.items())
        raise TailtuneError(f"{len(failures)} failed: {listed}")

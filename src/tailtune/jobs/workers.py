"""Worker processes that carry out one task after the other, because importing everything takes seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from types import TracebackType

from tailtune.interrupt import Interrupted
from tailtune.jobs.attempt import Answer, attempt
from tailtune.jobs.task import Task
from tailtune.jobs.threads import environment, thread_variables

GRACE = 120.0  # seconds for writing checkpoints once a signal came


class LocalCrew:
    """Up to `size` workers, started when they are needed; a context that ends them all.

    Args:
        size: how many tasks at a time.
        threads: processor threads of each worker.
        gpus: on which the workers take turns, as CUDA_VISIBLE_DEVICES names them.
    """

    def __init__(self, size: int, threads: int, gpus: Sequence[str] = ()) -> None:
        self.size, self.threads, self.gpus = size, threads, gpus
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Task] = {}

    def __enter__(self) -> LocalCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in (*self._idle, *self._busy):
            worker.kill()

    def has_room(self) -> bool:
        """Whether a task can be given."""
        return len(self._busy) < self.size

    def busy(self) -> list[Task]:
        """The tasks in progress."""
        return list(self._busy.values())

    def give(self, task: Task) -> None:
        """Let a worker begin `task`."""
        worker = self._idle.pop() if self._idle else _Worker(slot := self._free_slot(), self._variables(slot))
        self._busy[worker] = task
        worker.pipe.send(task)

    def drop(self, task: Task) -> None:
        """End the work on `task` at once."""
        worker = next(worker for worker, given in self._busy.items() if given is task)
        del self._busy[worker]
        worker.kill()

    def collect(self, seconds: float) -> Iterator[tuple[Task, str | None]]:
        """Wait for up to `seconds`; yield each task that ended with None or a line about its failure."""
        for worker, answer in self._answers(seconds):
            task = self._busy.pop(worker)
            yield task, "a signal from outside stopped it" if answer.stopped else answer.failure
            if worker.process.is_alive():
                self._idle.append(worker)

    def stop(self) -> Iterator[tuple[Task, str | None]]:
        """Let the workers write checkpoints; yield the tasks that ended all the same. The others stay `busy`."""
        for worker in self._busy:
            worker.terminate()
        stopping, deadline = set(self._busy), time.monotonic() + GRACE
        while stopping and time.monotonic() < deadline:
            for worker, answer in self._answers(1.0):
                stopping.discard(worker)
                worker.answered = True
                if answer == Answer():
                    yield self._busy.pop(worker), None

    def _answers(self, seconds: float) -> list[tuple[_Worker, Answer]]:
        waited = {worker.pipe: worker for worker in self._busy if not worker.answered}
        waited |= {worker.process.sentinel: worker for worker in waited.values()}  # type: ignore[misc]
        found: dict[_Worker, Answer] = {}
        for ready in connection.wait(list(waited), seconds):
            worker = waited[ready]  # type: ignore[index]
            if worker in found:
                continue
            try:
                found[worker] = worker.pipe.recv() if worker.pipe.poll() else worker.death()
            except (EOFError, OSError):
                found[worker] = worker.death()
        return list(found.items())

    def _variables(self, slot: int) -> dict[str, str]:
        """What a worker must find in its environment when its libraries are loaded, one GPU among it."""
        gpu = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if len(self.gpus) > 1 else {}
        return thread_variables(self.threads) | gpu

    def _free_slot(self) -> int:
        taken = {worker.slot for worker in (*self._idle, *self._busy)}
        return next(slot for slot in range(self.size) if slot not in taken)


class _Worker:
    def __init__(self, slot: int, variables: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self.slot, self.answered = slot, False
        self.pipe, other_end = context.Pipe()
        with environment(variables):  # not as a daemon, which could start no process of its own
            self.process = context.Process(target=_serve, args=(other_end,))
            self.process.start()
        other_end.close()

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def death(self) -> Answer:
        """What the end of the process says."""
        self.process.join()
        code = self.process.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        why = "; probably the memory ran out, so try fewer --jobs" if code == -signal.SIGKILL else ""
        return Answer(f"the process that did it ended with {name}{why}")


def _serve(pipe: Connection) -> None:
    os.setpgid(0, 0)  # Ctrl-C on the terminal is for the first process, which passes it on once
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = Answer(attempt(task))
        except (Interrupted, KeyboardInterrupt):
            answer = Answer(stopped=True)
        sys.stdout.flush()
        pipe.send(answer)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)

"""Worker processes that carry out one task after the other, because importing everything takes seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from types import TracebackType

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.jobs.task import Task

GRACE = 120.0  # seconds for writing checkpoints once a signal came


@dataclass(frozen=True)
class Answer:
    """How a task ended: well, with a line about its failure, or stopped by a signal."""

    failure: str | None = None
    stopped: bool = False


def attempt(task: Callable[[], None]) -> str | None:
    """Carry out `task`; return None, or one line about what went wrong.

    Raises:
        Interrupted: a signal came.
        KeyboardInterrupt: a signal came.
    """
    try:
        task()
    except TailtuneError as error:
        return " ".join(str(error).split())
    except Interrupted:
        raise
    except Exception as error:  # in a method of the user's own, or a defect: the other trainings go on
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return " ".join(f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})".split())
    return None


class Crew:
    """Up to `size` workers, started when they are needed; a context that ends them all.

    Args:
        size: how many tasks at a time.
        threads: processor threads of each worker; None leaves the number to torch.
    """

    def __init__(self, size: int, threads: int | None) -> None:
        self.size, self.threads = size, threads
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Task] = {}

    def __enter__(self) -> Crew:
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
        worker = self._idle.pop() if self._idle else _Worker(self._free_slot(), self.threads)
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

    def _free_slot(self) -> int:
        taken = {worker.slot for worker in (*self._idle, *self._busy)}
        return next(slot for slot in range(self.size) if slot not in taken)


class _Worker:
    def __init__(self, slot: int, threads: int | None) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self.slot, self.answered = slot, False
        self.pipe, other_end = context.Pipe()
        with _environment(slot, threads):  # not as a daemon, which could start no process that reads pictures ahead
            self.process = context.Process(target=_serve, args=(other_end, threads))
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
        return Answer(f"the process that trained it ended with {name}{why}")


@contextlib.contextmanager
def _environment(slot: int, threads: int | None) -> Iterator[None]:
    """Set the variables that a new process must find when its libraries are loaded, one GPU among them."""
    wanted = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    gpus = visible_gpus()
    if len(gpus) > 1:
        wanted["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def visible_gpus() -> list[str]:
    """The GPUs of this process, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return given.split(",")[:count] if given else [str(i) for i in range(count)]


def _serve(pipe: Connection, threads: int | None) -> None:
    os.setpgid(0, 0)  # Ctrl-C on the terminal is for the first process, which passes it on once
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
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

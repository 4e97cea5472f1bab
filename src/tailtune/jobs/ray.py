"""Tasks on a Ray cluster: one that runs already, else one of this machine that is started for them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.jobs.attempt import Answer, attempt
from tailtune.jobs.parcel import Parcel
from tailtune.jobs.task import Task
from tailtune.jobs.threads import thread_variables

ADDRESS = "RAY_ADDRESS"
RETRIES = 3  # of a task whose process or machine died
GRACE = 120.0  # seconds for writing checkpoints once a signal came


class RayCrew:
    """Has tasks carried out as Ray core tasks; a context, which ends them, and the cluster if it has started it.

    The claims stay with this process: when it dies, Ray ends its tasks.

    Args:
        jobs: how many at a time; None for as many as the cluster has room for at the moment.
        threads: processors of each task.
        gpu: whether a task takes a GPU where there are some.
    """

    def __init__(self, jobs: int | None, threads: int, gpu: bool) -> None:
        self.jobs, self.threads, self.gpu = jobs, threads, gpu
        self._busy: dict[Any, Task] = {}  # by the reference to the answer

    def __enter__(self) -> RayCrew:
        self._ray = ray = _loaded()
        self._own_cluster = not ray.is_initialized()
        if self._own_cluster:
            self._connect()
        try:
            share = self._share_of_a_gpu()
            if self._room(share) == 0:
                raise TailtuneError(
                    f"no machine of the Ray cluster has {self.threads} processors; ask for fewer with --threads"
                )
        except BaseException:
            self._disconnect()
            raise
        self._share = share
        self._begin = ray.remote(_carry).options(
            num_cpus=self.threads,
            num_gpus=share,
            max_retries=RETRIES,
            runtime_env={"env_vars": thread_variables(self.threads)},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self.busy():
            self.drop(task)
        self._disconnect()

    def has_room(self) -> bool:
        """Whether a task can be given."""
        return len(self._busy) < (self.jobs or max(1, self._room(self._share)))

    def busy(self) -> list[Task]:
        """The tasks in progress."""
        return list(self._busy.values())

    def give(self, task: Task) -> None:
        """Let Ray begin `task` as soon as it has a place for it."""
        self._busy[self._begin.remote(Parcel.of(task))] = task

    def drop(self, task: Task) -> None:
        """End the work on `task` at once."""
        reference = next(reference for reference, given in self._busy.items() if given is task)
        del self._busy[reference]
        self._ray.cancel(reference, force=True)

    def collect(self, seconds: float) -> Iterator[tuple[Task, str | None]]:
        """Wait for up to `seconds`; yield each task that ended with None or a line about its failure."""
        for reference in self._ready(seconds):
            yield self._busy.pop(reference), self._failure(reference)

    def stop(self) -> Iterator[tuple[Task, str | None]]:
        """Let the tasks write checkpoints; yield those that ended all the same. The others stay `busy`."""
        for reference in self._busy:
            self._ray.cancel(reference, force=False)  # as Ctrl-C does
        deadline = time.monotonic() + GRACE
        while len(self._ready(0.2)) < len(self._busy) and time.monotonic() < deadline:
            time.sleep(0.05)
        for reference, task in list(self._busy.items()):
            if task.done():
                yield self._busy.pop(reference), None

    def _ready(self, seconds: float) -> list[Any]:
        if not self._busy:
            return []
        found, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=seconds)
        if found and len(self._busy) > 1:  # others may have ended as well
            found, _ = self._ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
        return list(found)

    def _failure(self, reference: Any) -> str | None:
        try:
            answer: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # no answer, after all retries
            words = " ".join(str(error).split())
            return f"Ray: {type(error).__name__}: {words[:300]}"
        return "a signal from outside stopped it" if answer.stopped else answer.failure

    def _connect(self) -> None:
        address = os.environ.get(ADDRESS)
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if address:
            try:
                self._ray.init(address=address, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                words = " ".join(str(error).split())
                raise TailtuneError(f"cannot join the Ray cluster at {ADDRESS}={address}: {words[:300]}") from error
        else:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # which Ray would send to its makers
            processors = (self.jobs or 1) * self.threads
            self._ray.init(address="local", num_cpus=processors, include_dashboard=False, **quiet)

    def _disconnect(self) -> None:
        if self._own_cluster:
            self._ray.shutdown()

    def _machines(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _share_of_a_gpu(self) -> float:
        """A whole GPU for each task, or a part of one where more tasks than there are GPUs are asked for."""
        gpus = sum(machine.get("GPU", 0) for machine in self._machines()) if self.gpu else 0
        return 1 / math.ceil(max(1, (self.jobs or 1) / gpus)) if gpus else 0

    def _room(self, share: float) -> int:
        """How many tasks find a place in the cluster as it is now."""
        places = 0
        for machine in self._machines():
            here = machine.get("CPU", 0) // self.threads
            places += int(min(here, machine.get("GPU", 0) // share) if share else here)
        return places


def _carry(parcel: Parcel) -> Answer:
    try:
        return Answer(attempt(parcel))
    except (Interrupted, KeyboardInterrupt):
        return Answer(stopped=True)


def _loaded() -> Any:
    try:
        import ray
    except ImportError as error:
        raise TailtuneError("--on ray needs Ray; pip install 'tailtune[ray]'") from error
    return ray

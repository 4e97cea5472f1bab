"""Tasks as jobs of Slurm, submitted as arrays through submitit."""

from __future__ import annotations

import math
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted, interrupting
from tailtune.jobs.attempt import Answer, attempt
from tailtune.jobs.claims import Claims
from tailtune.jobs.parcel import Parcel
from tailtune.jobs.task import Task
from tailtune.jobs.threads import environment, thread_variables

CLUSTER = "TAILTUNE_SUBMITIT"  # "local": processes of this machine in place of Slurm, to try it out
HOURS = 4  # of a job, where sbatch's own variables say nothing else
GIGABYTES = 8  # likewise, at least
TIMEOUTS = 20  # how often a job may reach its time limit and go on from its checkpoint
RETRIES = 3  # of a task whose job died
GRACE = 60.0  # seconds for writing checkpoints once a signal came
LATE = 15.0  # seconds after which the answer of a job that has ended is seen on every machine


def cluster() -> str:
    """Return "slurm", or what the environment names in its place."""
    return os.environ.get(CLUSTER, "slurm")


@dataclass(frozen=True)
class Job:
    """What a job does: claims its task, so that no other process does it as well, and carries it out.

    The claim is the job's own, so it holds when the process that submitted the job has gone.
    """

    parcel: Parcel
    key: str
    claims: Path
    minutes: float

    def __call__(self) -> Answer:
        """Do the task. When the job must make room or its time is up, it ends with a checkpoint and queues again."""
        import submitit

        number = getattr(signal, f"SIG{submitit.JobEnvironment.USR_SIG}")
        queue_again: Any = signal.getsignal(number)  # submitit's own, which ends the process
        warned = []

        def on_warning(received: int, frame: FrameType | None) -> None:
            warned.append(received)
            signal.raise_signal(signal.SIGUSR1)  # at which a task writes its checkpoint

        signal.signal(number, on_warning)
        try:
            with interrupting(), Claims(self.claims, self.minutes, submitit.JobEnvironment().job_id) as claims:
                if not claims.take(self.key):
                    return Answer(elsewhere=True)
                failure = attempt(self.parcel)
                if failure is None:
                    claims.finish(self.key)
                return Answer(failure)
        except (Interrupted, KeyboardInterrupt):
            if warned:
                queue_again(number, None)
            return Answer(stopped=True)
        finally:
            signal.signal(number, queue_again)

    def checkpoint(self) -> Any:
        """What submitit is to queue again: the same, for the task finds its checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class SlurmCrew:
    """Has tasks carried out by jobs of Slurm; a context, which cancels those that are left.

    Args:
        folder: for submitit's files and the logs, seen by all machines.
        claims: by which processes agree; here they are only looked at, see `Submitted`.
        jobs: at a time; None leaves it to Slurm.
        threads: processors of each job.
        gpu: whether each job needs a GPU.
        memory: bytes that a task takes.
    """

    def __init__(
        self, folder: Path, claims: Claims, jobs: int | None, threads: int, *, gpu: bool, memory: float
    ) -> None:
        self.folder, self.claims, self.jobs, self.threads = folder.resolve(), claims, jobs, threads
        self.local = cluster() != "slurm"
        self.left: set[str] = set()  # tasks that another process held when their job came to them
        self._executor = self._made(gpu, memory)
        self._given: list[Task] = []
        self._busy: dict[str, tuple[Task, Any]] = {}  # by key, with its job
        self._died: Counter[str] = Counter()
        self._ended: dict[str, float] = {}  # since when an answer is missing

    def __enter__(self) -> SlurmCrew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self.busy():
            self.drop(task)

    def has_room(self) -> bool:
        """Whether a task can be given: always with Slurm, which keeps a queue."""
        return not self.local or len(self.busy()) < (self.jobs or 1)

    def busy(self) -> list[Task]:
        """The tasks that are submitted, or about to be."""
        return [*self._given, *(task for task, _ in self._busy.values())]

    def give(self, task: Task) -> None:
        """Have `task` submitted with the next array."""
        self.left.discard(task.key)
        self._given.append(task)

    def drop(self, task: Task) -> None:
        """Cancel the job of `task`."""
        if task in self._given:
            self._given.remove(task)
            return
        _, job = self._busy.pop(task.key)
        if task.key not in self.left:
            job.cancel(check=False)

    def collect(self, seconds: float) -> Iterator[tuple[Task, str | None]]:
        """Submit what was given, wait; yield each task that ended with None or a line about its failure."""
        self._submit()
        time.sleep(seconds if self.local else 10 * seconds)  # each look touches a file for each job
        for key, (task, job) in list(self._busy.items()):
            answer = self._answer(key, job) if key not in self.left and job.done() else None
            if answer is None:
                continue
            if answer.elsewhere:
                self.left.add(key)
            elif answer.stopped and self._died[key] < RETRIES:  # it made room, or its machine broke down
                self._died[key] += 1
                del self._busy[key]
                self.give(task)
            else:
                del self._busy[key]
                yield task, answer.failure or ("a signal from outside stopped it" if answer.stopped else None)

    def stop(self) -> Iterator[tuple[Task, str | None]]:
        """Cancel all jobs, wait for their checkpoints; yield the tasks that ended all the same."""
        self._given.clear()
        for _, job in self._busy.values():
            job.cancel(check=False)
        deadline = time.monotonic() + GRACE
        while any(map(self.claims.held, self._busy)) and time.monotonic() < deadline:
            time.sleep(0.1)
        for key, (task, _) in list(self._busy.items()):
            if task.done():
                del self._busy[key]
                yield task, None

    def _made(self, gpu: bool, memory: float) -> Any:
        try:
            import submitit
        except ImportError as error:
            raise TailtuneError("--on slurm needs submitit; pip install 'tailtune[slurm]'") from error
        if not self.local and shutil.which("sbatch") is None:
            raise TailtuneError("--on slurm: this machine has no sbatch; log in where Slurm is, or use --on local")
        executor = submitit.AutoExecutor(self.folder, cluster=cluster(), slurm_max_num_timeout=TIMEOUTS)
        executor.update_parameters(
            name="tailtune",
            timeout_min=60 * HOURS,
            mem_gb=max(GIGABYTES, math.ceil(memory / 1e9)),
            cpus_per_task=self.threads,
            gpus_per_node=1 if gpu else None,
            stderr_to_stdout=True,
            slurm_array_parallelism=self.jobs or 10_000,
        )
        return executor

    def _submit(self) -> None:
        if not self._given:
            return
        tasks, self._given = self._given, []
        jobs = [
            Job(Parcel.of(task), task.key, self.claims.folder.resolve(), self.claims.seconds / 60) for task in tasks
        ]
        try:
            with environment(thread_variables(self.threads)):
                submitted = self._executor.submit_array(jobs)
        except Exception as error:  # of sbatch, whose words submitit passes on
            words = " ".join(str(error).split())
            raise TailtuneError(f"Slurm did not take the jobs: {words[:500]}") from error
        self._busy |= {task.key: (task, job) for task, job in zip(tasks, submitted, strict=True)}

    def _answer(self, key: str, job: Any) -> Answer | None:
        """What came of a job that has ended; None while that may still come to be seen."""
        if job.paths.result_pickle.exists():
            self._ended.pop(key, None)
            error = job.exception()
            if error is None:
                answer: Answer = job.result()
                return answer
            trace = str(error).partition("-" * 22)[2].partition("-" * 22)[0]
            return Answer(f"{trace.strip().splitlines()[-1]} ({self._named(job)})")
        began = self._ended.setdefault(key, time.monotonic())
        if not self.local and time.monotonic() - began < LATE:
            return None
        del self._ended[key]
        self.claims.bury(key, job.job_id)
        return Answer(f"its job ended with {job.state} ({self._named(job)})", stopped=True)

    def _named(self, job: Any) -> str:
        return f"job {job.job_id}, see {job.paths.stdout}"


@dataclass(frozen=True)
class Submitted:
    """The register of tasks whose jobs make the claims: here they are only looked at."""

    claims: Claims
    crew: SlurmCrew

    def take(self, key: str) -> bool:
        """Whether nobody holds `key` now."""
        return not self.claims.held(key)

    def release(self, key: str) -> None:
        """Do nothing: the job has done it."""

    def finish(self, key: str) -> None:
        """Do nothing: the job has done it."""

    def lost(self, key: str) -> bool:
        """Whether another process held `key` when the job came to it."""
        return key in self.crew.left

    def holder(self, key: str) -> str:
        """Say who holds `key`."""
        return self.claims.holder(key)

"""Where tasks are carried out: by processes of this machine, by jobs of Slurm, or by a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from tailtune.jobs import ray, slurm
from tailtune.jobs.capacity import Capacity
from tailtune.jobs.claims import Claims
from tailtune.jobs.launch import launch
from tailtune.jobs.task import On, Progress, Task
from tailtune.jobs.workers import LocalCrew

CLAIMS = "claims"
LOGS = "slurm"


class CarryOut(Protocol):
    """Does all tasks that are not done and that no other process is at, see `launch`."""

    def __call__(self, tasks: Sequence[Task], progress: Progress, *, wait: bool = False) -> dict[str, str]:
        """Return one line for the key of each task that failed; the others went on."""
        ...


def has_machines(on: On) -> bool:
    """Whether an engine brings machines of its own, so that the processors and memory of this one say nothing."""
    return (on == "ray" and ray.ADDRESS in os.environ) or (on == "slurm" and slurm.cluster() == "slurm")


@contextmanager
def engine(
    on: On,
    folder: Path,
    room: Capacity,
    *,
    minutes: float,
    gpus: Sequence[str] = (),
    gpu: bool | None = None,
    memory: float = 0,
) -> Iterator[CarryOut]:
    """Yield what carries out tasks; its processes are kept from one call to the next, and ended at the end.

    Whatever the engine, tasks are claimed in `folder`, so several of them may work there side by side.

    Args:
        on: which engine.
        folder: of the study, which all machines see.
        room: tasks at a time, and the threads of each.
        minutes: without a sign of life after which a claim expires.
        gpus: of this machine, on which local workers take turns, as CUDA_VISIBLE_DEVICES names them.
        gpu: whether a task needs a GPU, or takes none (False), or one where there is one (None).
        memory: bytes that a task takes.

    Raises:
        TailtuneError: the engine is not installed or not there, or the folder cannot be written to.
    """
    with Claims(folder / CLAIMS, minutes) as claims:
        if on == "ray":
            with ray.RayCrew(room.jobs, room.threads, gpu is not False) as there:
                yield partial(launch, claims=claims, crew=there)
        elif on == "slurm":
            jobs = slurm.SlurmCrew(folder / LOGS, claims, room.jobs, room.threads, gpu=bool(gpu), memory=memory)
            with jobs:
                yield partial(launch, claims=slurm.Submitted(claims, jobs), crew=jobs)
        elif room.jobs == 1:
            yield partial(launch, claims=claims, crew=None)
        else:
            with LocalCrew(room.jobs or 1, room.threads, gpus) as here:
                yield partial(launch, claims=claims, crew=here)

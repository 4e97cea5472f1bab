"""How many trainings fit on this machine at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tailtune.data.image_dataset import available_memory
from tailtune.jobs.workers import visible_gpus

PROCESS = 1.0e9  # bytes: libraries, a small network and its optimiser
COPIES = 4  # of the data: as read, in parts, and what training and evaluation make of them
SHARE = 0.8  # of the free memory


@dataclass(frozen=True)
class Capacity:
    """Trainings at a time, and the processor threads of each (None: as torch chooses)."""

    jobs: int
    threads: int | None


def capacity(asked: int | None, threads: int | None, accelerator: str, data_bytes: int, tasks: int) -> Capacity:
    """Return how many trainings to carry out at a time.

    On processors one a core (or as many as `threads` allows), on GPUs one each, and never more than memory holds.

    Args:
        asked: the number that the user wants, or None.
        threads: processor threads of each training that the user wants, or None.
        accelerator: as in `Run`.
        data_bytes: of the largest data set.
        tasks: how many trainings there are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = [] if accelerator == "cpu" else visible_gpus()
    jobs = asked
    if jobs is None:
        jobs = len(gpus) or max(1, cores // (threads or 1))
        free = available_memory()
        if free is not None:
            jobs = min(jobs, max(1, int(SHARE * free / (PROCESS + COPIES * data_bytes))))
        jobs = max(1, min(jobs, tasks))
    if jobs == 1:
        return Capacity(1, threads)
    return Capacity(jobs, threads or max(1, cores // jobs))

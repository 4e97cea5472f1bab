"""How many tasks fit on this machine at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass

SHARE = 0.8  # of the free memory


@dataclass(frozen=True)
class Capacity:
    """Tasks at a time (None: as the engine has room), and processor threads of each (None: as libraries choose)."""

    jobs: int | None
    threads: int | None


def capacity(asked: int | None, threads: int | None, *, gpus: int, free: int, need: float, tasks: int) -> Capacity:
    """Return how many tasks to carry out at a time.

    On processors one a core (or as many as `threads` allows), on GPUs one each, and never more than memory holds.

    Args:
        asked: the number that the user wants, or None.
        threads: processor threads of each task that the user wants, or None.
        gpus: how many there are for the tasks.
        free: memory in bytes.
        need: bytes of memory that a task takes.
        tasks: how many there are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = asked
    if jobs is None:
        jobs = gpus or max(1, cores // (threads or 1))
        jobs = min(jobs, int(SHARE * free / need))
        jobs = max(1, min(jobs, tasks))
    if jobs == 1:
        return Capacity(1, threads)
    return Capacity(jobs, threads or max(1, cores // jobs))

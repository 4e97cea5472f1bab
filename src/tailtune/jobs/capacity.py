"""How many tasks fit on this machine at a time."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.8  # of the free memory


@dataclass(frozen=True)
class Capacity:
    """Tasks at a time (None: as the engine has room), and processor threads that a task takes at most."""

    jobs: int | None
    threads: int


def capacity(asked: int | None, threads: int, *, cores: int, gpus: int, free: int, need: float, tasks: int) -> Capacity:
    """Return how many tasks to carry out at a time.

    On processors as many as `threads` allows, on GPUs one each, and never more than memory holds. Threads do not
    follow from the number of tasks: what comes out of a task depends on them.

    Args:
        asked: the number that the user wants, or None.
        threads: processor threads that a task takes at most.
        cores: processors of this machine.
        gpus: how many there are for the tasks.
        free: memory in bytes.
        need: bytes of memory that a task takes.
        tasks: how many there are.
    """
    if asked is not None:
        return Capacity(asked, threads)
    jobs = min(gpus or cores // threads, int(SHARE * free / need), tasks)
    return Capacity(max(1, jobs), threads)

"""The processors of this machine: how many there are for this process, and how many of them other processes use."""

from __future__ import annotations

import os


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kept_busy(seconds: float = 0.3) -> float:
    """Return how many of the processors of this process are in use, on average over `seconds`, in which it waits."""
    import psutil

    each: list[float] = psutil.cpu_percent(seconds, percpu=True)
    ours = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(each))
    return sum(each[number] for number in ours if number < len(each)) / 100

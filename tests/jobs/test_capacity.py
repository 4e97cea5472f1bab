"""How many tasks at a time."""

from __future__ import annotations

import pytest

from tailtune.jobs.capacity import Capacity, capacity

GB = 10**9


@pytest.mark.parametrize(
    ("cores", "free", "gpus", "asked", "threads", "need", "tasks", "expected"),
    [
        (8, 100 * GB, 0, None, 1, GB, 40, Capacity(8, 1)),
        (8, 100 * GB, 0, None, 4, GB, 40, Capacity(2, 4)),
        (8, 100 * GB, 0, None, 1, GB, 3, Capacity(3, 1)),  # fewer tasks than cores have no more threads
        (8, 100 * GB, 0, None, 2, GB, 1, Capacity(1, 2)),
        (8, 5 * GB, 0, None, 1, GB, 40, Capacity(4, 1)),
        (8, 5 * GB, 0, None, 2, 5 * GB, 40, Capacity(1, 2)),
        (8, 1 * GB, 0, 6, 2, 5 * GB, 40, Capacity(6, 2)),  # who asks gets what is asked for
        (8, 100 * GB, 2, None, 1, GB, 40, Capacity(2, 1)),
        (2, 100 * GB, 0, None, 4, GB, 40, Capacity(1, 4)),  # nor fewer on a smaller machine
    ],
)
def test_as_many_as_cores_and_memory_allow(
    cores: int,
    free: int,
    gpus: int,
    asked: int | None,
    threads: int,
    need: int,
    tasks: int,
    expected: Capacity,
) -> None:
    assert capacity(asked, threads, cores=cores, gpus=gpus, free=free, need=need, tasks=tasks) == expected

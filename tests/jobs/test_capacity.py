"""How many tasks at a time."""

from __future__ import annotations

import os

import pytest

from tailtune.jobs.capacity import Capacity, capacity

GB = 10**9


@pytest.mark.parametrize(
    ("cores", "free", "gpus", "asked", "threads", "need", "tasks", "expected"),
    [
        (8, 100 * GB, 0, None, None, GB, 40, Capacity(8, 1)),
        (8, 100 * GB, 0, None, 4, GB, 40, Capacity(2, 4)),
        (8, 100 * GB, 0, None, None, GB, 3, Capacity(3, 2)),  # fewer tasks than cores have more threads each
        (8, 100 * GB, 0, None, None, GB, 1, Capacity(1, None)),
        (8, 5 * GB, 0, None, None, GB, 40, Capacity(4, 2)),
        (8, 5 * GB, 0, None, None, 5 * GB, 40, Capacity(1, None)),
        (8, 1 * GB, 0, 6, None, 5 * GB, 40, Capacity(6, 1)),  # who asks gets what is asked for
        (8, 100 * GB, 2, None, None, GB, 40, Capacity(2, 4)),
        (1, 100 * GB, 0, None, None, GB, 40, Capacity(1, None)),
    ],
)
def test_as_many_as_cores_and_memory_allow(
    cores: int,
    free: int,
    gpus: int,
    asked: int | None,
    threads: int | None,
    need: int,
    tasks: int,
    expected: Capacity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert capacity(asked, threads, gpus=gpus, free=free, need=need, tasks=tasks) == expected

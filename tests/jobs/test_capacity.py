"""How many trainings at a time, and which GPU each worker sees."""

from __future__ import annotations

import os

import pytest

import tailtune.jobs.capacity
from tailtune.jobs.capacity import Capacity, capacity

GB = 10**9


def machine(patch: pytest.MonkeyPatch, cores: int, free: int | None, gpus: int = 0) -> None:
    patch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    patch.setattr(tailtune.jobs.capacity, "available_memory", lambda: free)
    patch.setattr(tailtune.jobs.capacity, "visible_gpus", lambda: [str(i) for i in range(gpus)])


@pytest.mark.parametrize(
    ("cores", "free", "gpus", "asked", "threads", "data", "tasks", "expected"),
    [
        (8, 100 * GB, 0, None, None, 0, 40, Capacity(8, 1)),
        (8, 100 * GB, 0, None, 4, 0, 40, Capacity(2, 4)),
        (8, 100 * GB, 0, None, None, 0, 3, Capacity(3, 2)),  # fewer trainings than cores have more threads each
        (8, 100 * GB, 0, None, None, 0, 1, Capacity(1, None)),
        (8, 5 * GB, 0, None, None, 0, 40, Capacity(4, 2)),
        (8, 5 * GB, 0, None, None, GB, 40, Capacity(1, None)),
        (8, None, 0, None, None, GB, 40, Capacity(8, 1)),
        (8, 1 * GB, 0, 6, None, GB, 40, Capacity(6, 1)),  # who asks gets what is asked for
        (8, 100 * GB, 2, None, None, 0, 40, Capacity(2, 4)),
        (1, 100 * GB, 0, None, None, 0, 40, Capacity(1, None)),
    ],
)
def test_as_many_as_cores_and_memory_allow(
    cores: int,
    free: int | None,
    gpus: int,
    asked: int | None,
    threads: int | None,
    data: int,
    tasks: int,
    expected: Capacity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, cores, free, gpus)
    assert capacity(asked, threads, "auto", data, tasks) == expected


def test_gpus_do_not_count_where_the_processor_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 4, None, gpus=2)
    assert capacity(None, None, "cpu", 0, 40) == Capacity(4, 1)


def test_workers_take_turns_on_the_gpus_and_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert tailtune.jobs.workers.visible_gpus() == ["3", "5"]
    seen = []
    for slot in range(3):
        with tailtune.jobs.workers._environment(slot, 4):
            seen.append((os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"]))
    assert seen == [("3", "4"), ("5", "4"), ("3", "4")]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"
    assert "OMP_NUM_THREADS" not in os.environ

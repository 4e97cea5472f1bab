"""Tasks in this process and in workers: failures stay alone, claims are respected, signals leave what can go on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from study_tasks import Told, Writes

from tailtune.interrupt import Interrupted, to_be_requeued
from tailtune.jobs.claims import Claims
from tailtune.jobs.launch import launch
from tailtune.jobs.workers import LocalCrew

JOBS = pytest.mark.parametrize("jobs", [1, 2])


def run(
    tasks: list[Writes], jobs: int, folder: Path, minutes: float = 1.0, **options: bool
) -> tuple[dict[str, str], Told]:
    told = Told()
    with Claims(folder / "claims", minutes) as claims:
        if jobs == 1:
            return launch(tasks, told, claims, **options), told
        with LocalCrew(jobs, 1) as crew:
            return launch(tasks, told, claims, crew, **options), told


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().split()


@JOBS
def test_each_task_is_done_once_and_what_is_done_is_left_alone(jobs: int, tmp_path: Path) -> None:
    tasks = [Writes(str(i), tmp_path) for i in range(5)]
    (tmp_path / "3").write_text("before")
    failures, told = run(tasks, jobs, tmp_path)
    assert failures == {}
    assert sorted(begun(tmp_path)) == ["0", "1", "2", "4"]
    assert (tmp_path / "3").read_text() == "before"
    assert told.said[0] == "1 of 5"
    assert sum(line.startswith("end") for line in told.said) == 4
    processes = {task.file.read_text() for task in tasks} - {"before"}
    assert (processes == {str(os.getpid())}) == (jobs == 1)
    assert len(processes) <= jobs
    assert not list((tmp_path / "claims").iterdir())
    assert run(tasks, jobs, tmp_path)[1].said == ["5 of 5"]


@JOBS
def test_a_task_that_fails_does_not_stop_the_others(jobs: int, tmp_path: Path) -> None:
    tasks = [Writes("a", tmp_path, "refuse"), Writes("b", tmp_path, "break"), Writes("c", tmp_path)]
    failures, _ = run(tasks, jobs, tmp_path)
    assert failures["a"] == "a is no good"
    assert failures["b"].startswith("ZeroDivisionError: b (")
    assert "study_tasks.py, line" in failures["b"]
    assert (tmp_path / "c").exists()
    assert begun(tmp_path).count("a") == 1


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    tasks = [Writes("a", tmp_path, "die"), Writes("b", tmp_path, "die"), Writes("c", tmp_path), Writes("d", tmp_path)]
    failures, _ = run(tasks, 2, tmp_path)
    assert failures.keys() == {"a", "b"}
    assert "SIGKILL" in failures["a"]
    assert "try fewer --jobs" in failures["a"]
    assert (tmp_path / "c").exists()
    assert (tmp_path / "d").exists()


@JOBS
def test_what_others_hold_is_left_to_them(jobs: int, tmp_path: Path) -> None:
    tasks = [Writes("a", tmp_path), Writes("b", tmp_path)]
    with Claims(tmp_path / "claims", 1) as other:
        assert other.take("a")
        assert run(tasks, jobs, tmp_path)[0] == {}
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()


@JOBS
def test_who_waits_takes_up_the_work_of_a_dead_process(jobs: int, tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "a.1").write_text('{"host": "another", "pid": 1, "begun": null, "world": ""}')
    failures, told = run([Writes("a", tmp_path)], jobs, tmp_path, minutes=0.03, wait=True)
    assert failures == {}
    assert (tmp_path / "a").exists()
    assert "wait task a" in told.said


def when(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    def watch() -> None:
        until = time.monotonic() + 60
        while not condition() and time.monotonic() < until:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@JOBS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda n: n.name)
def test_a_signal_lets_tasks_write_their_checkpoints(jobs: int, number: signal.Signals, tmp_path: Path) -> None:
    tasks = [Writes("a", tmp_path, "train"), Writes("b", tmp_path, "train"), Writes("c", tmp_path)][-jobs - 1 :]
    waiting = [task for task in tasks if task.what == "train"]
    started = [tmp_path / f"{task.key}.started" for task in waiting]
    sender = when(lambda: all(path.exists() for path in started), lambda: os.kill(os.getpid(), number))
    with pytest.raises(Interrupted, match=rf"^stopped with 0 of {len(tasks)} tasks finished$"):
        run(tasks, jobs, tmp_path)
    sender.join()
    assert to_be_requeued() == (number != signal.SIGINT)
    for task in waiting:
        assert (tmp_path / f"{task.key}.checkpoint").exists()
    assert not (tmp_path / "c").exists()
    again = [Writes(task.key, tmp_path) for task in tasks]
    assert run(again, 1, tmp_path)[0] == {}  # nothing stays claimed


def _launch(folder: Path) -> None:
    run([Writes(str(i), folder) for i in range(40)], 1, folder)


def test_processes_on_one_folder_share_the_work(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=_launch, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(begun(tmp_path), key=int) == [str(i) for i in range(40)]
    assert not list((tmp_path / "claims").iterdir())


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    def parent() -> None:
        run([Writes("a", tmp_path, "train"), Writes("b", tmp_path, "train")], 2, tmp_path)

    process = multiprocessing.get_context("fork").Process(target=parent)
    process.start()
    until = time.monotonic() + 60
    while not (tmp_path / "a.started").exists() and time.monotonic() < until:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.join()
    assert workers
    assert not psutil.wait_procs(workers, timeout=60)[1]

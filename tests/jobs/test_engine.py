"""Slurm (its files and programs stood in for) and Ray: tasks of killed processes are done again, claims are kept to."""

from __future__ import annotations

import csv
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil
import pytest
from study_tasks import Told, Writes

from tailtune import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.jobs.capacity import Capacity
from tailtune.jobs.claims import Claims
from tailtune.jobs.engine import engine, has_machines
from tailtune.jobs.task import On
from tailtune.study.conduct import conduct
from tailtune.study.study import Study, axis


@pytest.fixture(scope="module")
def two_ray_workers() -> Iterator[None]:
    """A cluster with room for two tasks of three processors."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=6, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(params=["ray", "slurm"])
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> On:
    if request.param == "slurm":
        pytest.importorskip("submitit")
        monkeypatch.setenv("TAILTUNE_SUBMITIT", "local")
    else:
        request.getfixturevalue("two_ray_workers")
    name: On = request.param
    return name


def run(on: On, tasks: list[Writes], folder: Path, wait: bool = False) -> tuple[dict[str, str], Told]:
    told = Told()
    with engine(on, folder, Capacity(2, 3), minutes=1) as carry_out:
        return carry_out(tasks, told, wait=wait), told


def when(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    def watch() -> None:
        until = time.monotonic() + 60
        while not condition() and time.monotonic() < until:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.faults
def test_all_tasks_are_done_though_a_worker_is_killed(on: On, tmp_path: Path) -> None:
    tasks = [Writes(str(i), tmp_path, "hang" if i == 1 else "write") for i in range(5)]
    pid = tmp_path / "1.pid"
    killer = when(pid.exists, lambda: os.kill(int(pid.read_text()), signal.SIGKILL))
    failures, told = run(on, tasks, tmp_path)
    killer.join()
    assert failures == {}
    assert all(task.done() for task in tasks)
    assert sorted((tmp_path / "begun").read_text().split()) == ["0", "1", "1", "2", "3", "4"]
    assert sum(line.endswith(": None") for line in told.said) == 5
    assert not list((tmp_path / "claims").iterdir())


def test_failures_are_one_line_and_what_others_hold_is_left_to_them(on: On, tmp_path: Path) -> None:
    kinds = {"a": "refuse", "b": "break", "c": "threads", "d": "write"}
    tasks = [Writes(key, tmp_path, what) for key, what in kinds.items()]
    with Claims(tmp_path / "claims", 1) as other:
        assert other.take("d")
        failures, _ = run(on, tasks, tmp_path)
    assert failures.keys() == {"a", "b"}
    assert failures["a"] == "a is no good"
    assert failures["b"].startswith("ZeroDivisionError: b (")
    assert (tmp_path / "c").read_text().startswith("3 ")
    assert not (tmp_path / "d").exists()


def test_ctrl_c_lets_tasks_write_their_checkpoints(on: On, tmp_path: Path) -> None:
    tasks = [Writes("a", tmp_path, "train"), Writes("b", tmp_path, "train"), Writes("c", tmp_path)]
    started = [tmp_path / "a.started", tmp_path / "b.started"]
    sender = when(lambda: all(path.exists() for path in started), lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted, match=r"^stopped with 0 of 3 tasks finished$"):
        run(on, tasks, tmp_path)
    sender.join()
    assert (tmp_path / "a.checkpoint").exists()
    assert (tmp_path / "b.checkpoint").exists()
    assert not (tmp_path / "c").exists()
    with Claims(tmp_path / "claims", 1) as claims:
        assert claims.take("a")  # nothing stays claimed


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return compared("local", tmp_path_factory.mktemp("local"), jobs=1, seeds=4)


def compared(on: On, folder: Path, jobs: int, seeds: int) -> list[dict[str, str]]:
    """Return results.csv of trainings by two methods, but for the seconds."""
    study = Study(
        arms=axis("method", ["erm", "sama"]), data=("digits",), ratios=(0.05,), seeds=seeds, epochs=1, threads=1,
        accelerator="cpu", jobs=jobs, on=on, out=str(folder),
    )  # fmt: skip
    conduct(study, show=lambda what: nullcontext(Told()), say=lambda sentence: None)
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def a_worker() -> psutil.Process | None:
    """One of those processes of the engines that train now."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # ended meanwhile
            line = " ".join(process.cmdline())
            if "ray::_carry" in line or "submitit.core._submit" in line:
                return process
    return None


@pytest.mark.faults
def test_a_comparison_comes_out_as_in_one_process_though_a_worker_is_killed(
    on: On, one_after_the_other: list[dict[str, str]], tmp_path: Path
) -> None:
    killed: list[psutil.Process] = []

    def kill() -> None:
        if (worker := a_worker()) is not None:
            worker.kill()
            killed.append(worker)

    killer = when(lambda: any(tmp_path.glob("runs/*/run.yaml")), kill)
    seeds = 4 if on == "ray" else 2  # each job of Slurm is a process that imports everything
    rows = compared(on, tmp_path, jobs=2, seeds=seeds)
    killer.join()
    assert killed
    assert len(rows) == 2 * seeds
    assert rows == [row for row in one_after_the_other if int(row["seed"]) < seeds]


SBATCH = """
import os, re, subprocess, sys
text = open(sys.argv[1]).read()
first, last = map(int, re.search(r"--array=(\\d+)-(\\d+)", text).groups()) if "--array" in text else (0, 0)
for i in range(first, last + 1):
    slurm = {"SLURM_JOB_ID": str(77 + i), "SLURM_NTASKS": "1"}
    if "--array" in text:
        slurm |= {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": str(i)}
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen(["bash", sys.argv[1]], env=os.environ | slurm, **nowhere)
with open("submitted", "a") as log:
    log.write(text)
print("Submitted batch job 77")
"""
SRUN = """
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    if words[0] == "--output":
        for sign, name in {"%A": "ARRAY_JOB_ID", "%a": "ARRAY_TASK_ID", "%j": "JOB_ID", "%t": "PROCID"}.items():
            words[1] = words[1].replace(sign, os.environ.get("SLURM_" + name, "0"))
        os.dup2(os.open(words.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
    words = words[1:]
os.execvp(words[0], words)
"""
SCONTROL = "import sys; open('requeued', 'a').write(' '.join(sys.argv[1:]))"
SACCT = "print('JobID|State|NodeList')"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with programs that behave as those of Slurm."""
    pytest.importorskip("submitit")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL, "sacct": SACCT, "scancel": ""}.items():
        file = programs / name
        file.write_text(f"#!{sys.executable}\n{text}")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_slurm_gets_one_array(slurm: Path) -> None:
    tasks = [Writes(str(i), slurm) for i in range(3)]
    assert run("slurm", tasks, slurm)[0] == {}
    assert all(task.done() for task in tasks)
    script = (slurm / "submitted").read_text()
    assert script.count("--array") == 1
    for line in ("array=0-2%2", "time=240", "mem=8GB", "cpus-per-task=3", "job-name=tailtune"):
        assert f"#SBATCH --{line}" in script
    assert list((slurm / "slurm").glob("77_*.out"))


def test_a_job_that_must_make_room_writes_a_checkpoint_and_queues_again(slurm: Path) -> None:
    """SIGUSR2 is what sbatch is told to send; the programs above do not start the job anew, so it is left to end."""
    tasks = [Writes("a", slurm, "train"), Writes("b", slurm)]

    def warn() -> None:
        pid = (slurm / "a.started").read_text()
        os.kill(int(pid), signal.SIGUSR2)
        when((slurm / "requeued").exists, lambda: os.kill(os.getpid(), signal.SIGINT))

    sender = when((slurm / "a.started").exists, warn)
    with pytest.raises(Interrupted):
        run("slurm", tasks, slurm)
    sender.join()
    assert (slurm / "a.checkpoint").exists()
    assert (slurm / "requeued").read_text() == "requeue 77_0"
    assert "--signal=USR2@90" in (slurm / "submitted").read_text()


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TailtuneError, match="no sbatch"):
        run("slurm", [], tmp_path)
    for on, package in (("slurm", "submitit"), ("ray", "ray")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(TailtuneError, match=rf"pip install 'tailtune\[{on}\]'"):
            run(on, [], tmp_path)  # type: ignore[arg-type]


def test_a_cluster_elsewhere_decides_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert [has_machines(on) for on in ("local", "ray", "slurm")] == [False, False, True]
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    monkeypatch.setenv("TAILTUNE_SUBMITIT", "local")
    assert [has_machines(on) for on in ("local", "ray", "slurm")] == [False, True, False]

"""A study by one process, by two tasks of a Slurm array, and by two workers of Ray: time, and whether to the bit.

    python benchmarks/two_workers.py --epochs 60 --out two_workers.json

Twelve trainings of so many epochs on the digits, a thread each. "array" are two processes with Slurm's variables of an
array of two tasks; "array, one killed" kills the first of them once it has finished a training, without a word
(SIGKILL), and then gives the command once more, as a requeued task would. "ray, one killed" does the same to a worker
that trains. The tables are compared cell by cell with that of the first way, but for the seconds. Times are by the
clock: run it on a machine with two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from tailtune.run.environment import command as command_line
from tailtune.run.environment import machine, versions
from tailtune.study.tidy_table import read_study

TRAININGS = 12
OF_TIME = ("seconds", "second", "memory", "finished", "machine", "out", "command")  # in names of columns


def command(out: Path, epochs: int, *more: str) -> list[str]:
    """The study's command."""
    methods = "erm,focal,balanced_softmax"
    shared = ["--methods", methods, "--seeds", str(TRAININGS // 3), "--ratios", "0.05", "--epochs", str(epochs)]
    return [str(Path(sys.executable).parent / "tailtune"), "compare", "digits", *shared, "--out", str(out), *more]


def begin(out: Path, epochs: int, *more: str, task: int | None = None) -> subprocess.Popen[bytes]:
    """Start it, as a task of an array of two where `task` is given."""
    slurm = {} if task is None else {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MIN": "0"}
    slurm |= {} if task is None else {"SLURM_ARRAY_TASK_COUNT": "2"}
    environment = {**os.environ, **slurm, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command(out, epochs, *more), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def finished(out: Path) -> int:
    """Trainings that are done."""
    return len(list(out.glob("runs/*/DONE")))


def alone(out: Path, epochs: int) -> None:
    """One process, one training at a time."""
    begin(out, epochs, "--jobs", "1").wait()


def array(out: Path, epochs: int) -> None:
    """Two tasks of an array."""
    for process in [begin(out, epochs, "--jobs", "1", task=task) for task in range(2)]:
        process.wait()


def array_killed(out: Path, epochs: int) -> None:
    """The same, but the first dies and comes again."""
    first, second = (begin(out, epochs, "--jobs", "1", task=task) for task in range(2))
    while not finished(out) and first.poll() is None:
        time.sleep(0.2)
    family = [first, *psutil.Process(first.pid).children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    first.wait()
    begin(out, epochs, "--jobs", "1", task=0).wait()
    second.wait()


def ray(out: Path, epochs: int) -> None:
    """Two workers of Ray."""
    begin(out, epochs, "--on", "ray", "--jobs", "2").wait()


def ray_killed(out: Path, epochs: int) -> None:
    """The same, but a worker dies while it trains."""
    process = begin(out, epochs, "--on", "ray", "--jobs", "2")
    while not finished(out) and process.poll() is None:
        time.sleep(0.2)
    time.sleep(2)
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if "ray::" in _title(child)]
    busy = max(workers, key=lambda child: child.cpu_times().user)
    busy.send_signal(signal.SIGKILL)
    process.wait()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


WAYS: dict[str, Callable[[Path, int], None]] = {
    "one process": alone,
    "array": array,
    "array, one killed": array_killed,
    "ray": ray,
    "ray, one killed": ray_killed,
}


def table(out: Path) -> pl.DataFrame:
    """The rows of the study, but for what has to do with time and place."""
    found = read_study(out)
    kept = [name for name in found.columns if not any(word in name for word in OF_TIME)]
    return found.select(kept).sort("method", "seed", *(["measure"] if "measure" in kept else []))


def main() -> None:
    """Do the study in each way."""
    parser = argparse.ArgumentParser(description="A study by one process and by two workers.")
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("two_workers.json"))
    options = parser.parse_args()
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        reference = None
        for name in options.ways:
            place = Path(folder) / name.replace(" ", "_").replace(",", "")
            began = time.perf_counter()
            WAYS[name](place, options.epochs)
            seconds = time.perf_counter() - began
            begin(place, options.epochs, "--jobs", "1").wait()  # writes the table where that is left to the last
            made = table(place)
            reference = made if reference is None else reference
            lines.append(
                {"way": name, "seconds": round(seconds, 1), "rows": made.height, "same": made.equals(reference)}
            )
            print(lines[-1], flush=True)
            shutil.rmtree(place)
    about = {"command": command_line(), "versions": versions(), "machine": asdict(machine())}
    options.out.write_text(
        json.dumps({**about, "trainings": TRAININGS, "epochs": options.epochs, "ways": lines}, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()

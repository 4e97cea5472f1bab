"""Stopped by a signal at any point, a run goes on with --resume to the bits of one that was never stopped."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Cli, Fitted, made_table, notes, start, write_images

import tailtune.fit
import tailtune.run.execute
import tailtune.run.measured
import tailtune.run.systems
from tailtune.run.learner import Job

SAMA = ("--model", "resnet", "--method", "sama", "--target", "label", "--batch-size", "8", "--ema", "0.9")
CUTMIX = ("--model", "resnet8", "--method", "sam", "--policy", "flip+crop+trivialaugment+cutmix", "--batch-size", "16")


def finish(folder: Path, *arguments: str | Path) -> None:
    process = start(folder, *arguments)
    process.join()
    assert process.exitcode == 0, (folder / "stderr").read_text()


def outcome(run: Path) -> tuple[list[dict[str, Any]], bytes, dict[str, np.ndarray]]:
    """What must not depend on interruptions."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds")
    with np.load(run / "predictions.npz") as arrays:
        return rows, (run / "model.safetensors").read_bytes(), dict(arrays)


def assert_same(a: Path, b: Path) -> None:
    (rows_a, model_a, arrays_a), (rows_b, model_b, arrays_b) = outcome(a), outcome(b)
    assert rows_a == rows_b
    assert model_a == model_b
    assert arrays_a.keys() == arrays_b.keys()
    for name, array in arrays_a.items():
        np.testing.assert_array_equal(array, arrays_b[name])


def until(condition: Callable[[], bool], process: ForkServerProcess) -> None:
    """Wait for `condition`, as long as the process lives."""
    while not condition() and process.is_alive():
        time.sleep(0.002)


@pytest.fixture(params=["table", "images"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str | Path, ...]:
    """A run of a second or two: SAM-A with dropout on a table, or SAM with CutMix and BatchNorm on images."""
    common = ("--accelerator", "cpu", "--baselines", "majority", "--precision", "32")
    if request.param == "table":
        made_table(150).write_csv(tmp_path / "rows.csv")
        return ("fit", tmp_path / "rows.csv", *SAMA, *common, "--epochs", "25")
    write_images(tmp_path / "pictures", {"common": 60, "middling": 30, "rare": 12})
    return ("fit", tmp_path / "pictures", *CUTMIX, *common, "--epochs", "15")


@pytest.mark.faults
def test_killed_and_interrupted_at_random_points(job: tuple[str | Path, ...], tmp_path: Path) -> None:
    finish(tmp_path, *job, "--out", tmp_path / "whole")
    run, choose, stopped = tmp_path / "run", random.Random(0), []
    log, epochs = run / "metrics.jsonl", int(job[-1])
    again = (*job, "--out", run, "--resume", "--checkpoint-minutes", "0.0005")
    for count, number in enumerate((signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGINT)):
        process = start(tmp_path, *again)
        reached = choose.randint(count * epochs // 5, (count + 1) * epochs // 5)
        until(lambda enough=reached: log.exists() and len(log.read_bytes().splitlines()) >= enough, process)
        process.join(choose.uniform(0, 0.05))  # anywhere within the epoch
        if not process.is_alive():
            break
        os.kill(process.pid or 0, number)
        process.join()
        stopped.append(process.exitcode)
        if number == signal.SIGINT and process.exitcode != 0:  # 0: the signal came when all was done
            assert process.exitcode == 130
            lines = notes((tmp_path / "stderr").read_text())
            assert len(lines) == 1
            assert lines[0].startswith("tailtune: stopped")
    assert stopped[0] == -signal.SIGKILL
    if not (run / "DONE").exists():
        finish(tmp_path, *again)
    assert_same(tmp_path / "whole", run)


def test_killed_before_the_first_checkpoint(tmp_path: Path) -> None:
    made_table(150).write_csv(tmp_path / "rows.csv")
    job = ("fit", tmp_path / "rows.csv", *SAMA, "--accelerator", "cpu", "--baselines", "majority", "--epochs", "20")
    finish(tmp_path, *job, "--out", tmp_path / "whole")
    run = tmp_path / "run"
    log = run / "metrics.jsonl"
    process = start(tmp_path, *job, "--out", run)
    until(lambda: log.exists() and log.stat().st_size > 0, process)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (run / "last.ckpt").exists()
    finish(tmp_path, *job, "--out", run, "--resume")
    assert_same(tmp_path / "whole", run)


def test_the_command_itself_stops_at_ctrl_c_and_resumes(tmp_path: Path, cli: Cli) -> None:
    made_table(150).write_csv(tmp_path / "rows.csv")
    job = ("fit", tmp_path / "rows.csv", *SAMA, "--accelerator", "cpu", "--baselines", "majority", "--epochs", "60")
    job = tuple(str(word) for word in (*job, "--patience", "0", "--out", tmp_path / "run"))
    process = subprocess.Popen([sys.executable, "-m", "tailtune", *job], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "metrics.jsonl"
    while not (log.exists() and log.stat().st_size > 0):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    (line,) = notes(said)
    assert re.fullmatch(r"tailtune: stopped at step \d+ of 720; go on with the same command and --resume", line)
    assert (tmp_path / "run" / "last.ckpt").exists()
    assert not (tmp_path / "run" / "result.json").exists()
    reached = json.loads(log.read_text().splitlines()[-1])["epoch"]
    assert cli(*job, "--resume").code == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["training"]["epochs"] == 60 > reached


@pytest.mark.parametrize(
    ("home", "name", "words"),
    [
        (tailtune.run.execute, "open_dataset", "tailtune: stopped\n"),
        (tailtune.run.execute, "fit_model", "tailtune: stopped; go on with the same command and --resume\n"),
        (tailtune.run.measured, "summarise", "tailtune: stopped; go on with the same command and --resume\n"),
        (tailtune.fit, "write_report", "tailtune: stopped; go on with the same command and --resume\n"),
    ],
)
def test_ctrl_c_outside_training(
    home: Any, name: str, words: str, fitted: Fitted, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    job = (*fitted.command, "--out", run)
    with monkeypatch.context() as patch:
        patch.setattr(home, name, lambda *_, **__: signal.raise_signal(signal.SIGINT))
        got = cli(*job)
    assert (got.code, got.out, got.notes) == (130, "", [words.rstrip()])
    assert run.exists() == ("--resume" in words)
    assert cli(*job, "--resume").code == 0
    assert_same(fitted.folder, run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
@pytest.mark.parametrize("place", ["open_dataset", "fit_model", "summarise"])
def test_a_scheduler_is_told_to_queue_the_job_again(
    place: str, number: signal.Signals, fitted: Fitted, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = (*fitted.command, "--out", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(
            tailtune.run.measured if place == "summarise" else tailtune.run.execute,
            place,
            lambda *_, **__: signal.raise_signal(number),
        )
        got = cli(*job)
    assert got.code == 75
    assert got.notes[0].startswith("tailtune: stopped")
    assert cli(*job, "--resume").code == 0
    assert_same(fitted.folder, tmp_path / "run")


def test_ctrl_c_in_a_baseline(fitted: Fitted, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline's network trains under the same care; the model is not trained again."""
    run, job = tmp_path / "run", (*fitted.command, "erm", "--out", tmp_path / "run")
    fit = tailtune.run.systems.fit_model

    def stopping(run: Any, dataset: Any, job: Job | None = None) -> Any:
        return fit(run, dataset, Job(watch=Stopping))

    with monkeypatch.context() as patch:
        patch.setattr(tailtune.run.systems, "fit_model", stopping)
        got = cli(*job)
    assert got.code == 130
    assert got.notes[0].startswith("tailtune: stopped at step ")
    trained = (run / "metrics.jsonl").read_bytes()
    assert cli(*job, "--resume").code == 0
    assert (run / "metrics.jsonl").read_bytes() == trained
    np.testing.assert_array_equal(outcome(fitted.folder)[2]["probabilities"], outcome(run)[2]["probabilities"])


class Stopping:
    """An observer that sends Ctrl-C after some steps."""

    def __enter__(self) -> Stopping:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, steps: int, done: int) -> None: ...

    def step(self, done: int, loss: float) -> None:
        signal.raise_signal(signal.SIGINT)

    def epoch(self, row: dict[str, Any]) -> None: ...

"""Pictures kept in a file, from the command line: the same results, also in several processes and after a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, Cli, Refused, notes

from tailtune.data import image_dataset

RESNET = (*SMALL, "--model", "resnet8", "--epochs", "1")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def test_fit_predict_and_evaluate(images: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for storage in ("memory", "disk"):
        got = cli("fit", images, *RESNET, "--storage", storage, "--out", tmp_path / storage)
        assert got.code == 0, got.err
        said = [line.split(" into ")[0] for line in got.err.splitlines() if " into " in line]
        assert said == (["reading 102 pictures of 8 x 8", "read 102 pictures of 8 x 8"] if storage == "disk" else [])
        assert "</html>" in (tmp_path / storage / "report.html").read_text()
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    assert (memory / "model.safetensors").read_bytes() == (disk / "model.safetensors").read_bytes()
    with np.load(memory / "predictions.npz") as here, np.load(disk / "predictions.npz") as there:
        for name in here.files:
            np.testing.assert_array_equal(here[name], there[name])
    frames = []
    for free in (10**12, 5000):  # bytes: as if the folder did not fit
        monkeypatch.setattr(image_dataset, "available_memory", lambda free=free: free)
        got = cli("predict", disk, images, "--out", tmp_path / "p.csv", "--force")
        assert got.code == 0, got.err
        frames.append(pl.read_csv(tmp_path / "p.csv"))
        assert cli("evaluate", disk, images).code == 0
    assert frames[0].equals(frames[1])


def test_a_run_may_go_on_from_the_disk(images: Path, tmp_path: Path, cli: Cli) -> None:
    job = ("fit", images, *RESNET, "--epochs", "30", "--patience", "0", "--storage", "disk", "--out", tmp_path / "run")
    words = [sys.executable, "-m", "tailtune", *map(str, job)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    log = tmp_path / "run" / "metrics.jsonl"
    while not (log.exists() and log.stat().st_size > 0):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does, to the processes that read as well
    said = notes(process.communicate()[1])
    assert process.returncode == 130
    assert said[-1].startswith("tailtune: stopped at step ")
    assert all(line.startswith(("reading", "read")) for line in said[:-1])
    reached = len(log.read_text().splitlines())
    shorter = [*job[:-3], "memory", "--out", tmp_path / "run", "--resume"]
    assert cli(*shorter).code == 0
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 31))
    assert reached < 30


def test_trainings_at_a_time_share_the_file(images: Path, tmp_path: Path, cli: Cli, cache: Path) -> None:
    options = ("--methods", "erm,sam", "--seeds", "1", "--jobs", "2", "--storage", "disk", "--vary", "init")
    recipe = ("--model", "resnet8", "--epochs", "1", "--batch-size", "32", "--accelerator", "cpu")
    got = cli("compare", images, *options, *recipe, "--out", tmp_path / "study", "--json")
    assert got.code == 0, got.err
    assert got.err.count("reading 102 pictures") == 1
    assert len(list(cache.glob("*/pixels"))) == 1


@pytest.mark.parametrize("data", ["digits", "a.npz"])
def test_disk_is_refused_for_arrays(data: str, tmp_path: Path, refused: Refused) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.arange(20) % 2)
    where = tmp_path / data if data.endswith(".npz") else data
    assert "--storage disk is for image files" in refused(where, "--storage", "disk")

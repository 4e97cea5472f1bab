"""Two processes on the processor: one speaks and writes, both stop together, and the result repeats itself."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, TABLE, made_table, notes, start


def test_two_processes_train_stop_resume_and_repeat_themselves(tmp_path: Path) -> None:
    made_table(200).write_csv(tmp_path / "rows.csv")
    options = (*TABLE, *SMALL, "--devices", "2", "--method", "sama", "--ema", "0.9", "--epochs", "40")
    job = ("fit", tmp_path / "rows.csv", *options, "--baselines", "erm", "--json", "--out")
    whole, run = tmp_path / "whole", tmp_path / "run"
    uninterrupted, interrupted = start(tmp_path / "a", *job, whole), start(tmp_path / "b", *job, run)
    log = run / "metrics.jsonl"
    while not (log.exists() and log.stat().st_size > 0):
        assert interrupted.is_alive()
        time.sleep(0.01)
    assert interrupted.pid
    os.killpg(interrupted.pid, signal.SIGINT)
    interrupted.join(60)
    said = (tmp_path / "b" / "stderr").read_text()
    assert interrupted.exitcode == 130, said
    # the second process has saved by then; how torch's threads come to their end in it is not what is tested
    (line,) = (each for each in notes(said) if each != "terminate called without an active exception")
    assert re.fullmatch(r"tailtune: stopped at step \d+ of 80; go on with the same command and --resume", line)
    assert not (tmp_path / "b" / "stdout").read_text()

    resumed = start(tmp_path / "b", *job, run, "--resume")
    for process, said_in in ((uninterrupted, tmp_path / "a"), (resumed, tmp_path / "b")):
        process.join(120)
        assert process.exitcode == 0
        assert notes((said_in / "stderr").read_text()) == []
        systems = json.loads((said_in / "stdout").read_text())["systems"]
        assert [system["label"] for system in systems] == ["sama (mlp)", "erm (mlp)"]
    assert json.loads((whole / "result.json").read_text())["training"]["steps"] == 80
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    first, second = np.load(whole / "predictions.npz"), np.load(run / "predictions.npz")
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("method", ["progressive_sampling", "crt", "joint_ssl_sama"])
def test_samplers_stages_and_views_share_their_rows_out(method: str, tmp_path: Path) -> None:
    made_table(200).write_csv(tmp_path / "rows.csv")
    options = (*TABLE, *SMALL, "--devices", "2", "--method", method, "--epochs", "3", "--baselines", "majority")
    process = start(tmp_path, "fit", tmp_path / "rows.csv", *options, "--json", "--out", tmp_path / "run")
    process.join(180)
    assert process.exitcode == 0, (tmp_path / "stderr").read_text()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == json.loads((tmp_path / "run" / "result.json").read_text())["training"]["steps"]
    assert np.isfinite([row["train_loss"] for row in rows]).all()
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))

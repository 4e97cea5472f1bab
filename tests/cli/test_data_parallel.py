"""Two processes on the processor: one speaks and writes, both stop together, and the result repeats itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from command_line import SMALL, TABLE, made_table


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    """Begin the run, in a process group of its own as in a terminal."""
    options = (*TABLE, *SMALL, "--devices", "2", "--method", "sama", "--ema", "0.9", "--baselines", "erm", "--json")
    command = [
        sys.executable,
        "-m",
        "tailtune",
        "fit",
        str(out.parent / "rows.csv"),
        *options,
        "--out",
        str(out),
        *more,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_two_processes_train_stop_resume_and_repeat_themselves(tmp_path: Path) -> None:
    made_table(200).write_csv(tmp_path / "rows.csv")
    whole, run = tmp_path / "whole", tmp_path / "run"
    uninterrupted, interrupted = start(whole, "--epochs", "40"), start(run, "--epochs", "40")
    log = run / "metrics.jsonl"
    while not (log.exists() and log.stat().st_size > 0):
        assert interrupted.poll() is None
        time.sleep(0.01)
    os.killpg(interrupted.pid, signal.SIGINT)
    out, said = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, said
    assert out == ""
    assert re.fullmatch(r"tailtune: stopped at step \d+ of 80; go on with the same command and --resume\n", said)

    resumed = start(run, "--epochs", "40", "--resume")
    for process in (uninterrupted, resumed):
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert said == ""
        assert [system["label"] for system in json.loads(out)["systems"]] == ["sama (mlp)", "erm (mlp)"]
    result = json.loads((whole / "result.json").read_text())
    assert result["training"]["steps"] == 80
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    first, second = np.load(whole / "predictions.npz"), np.load(run / "predictions.npz")
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])

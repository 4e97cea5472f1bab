"""Several processes on one comparison, killed at any time and started again: every training once, the same bits."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import answer, made_table, start

pytestmark = pytest.mark.faults
ASKED = ("--target", "label", "--model", "mlp", "--methods", "erm,crt,sama", "--seeds", "2", "--epochs", "12")
QUICK = ("--batch-size", "16", "--accelerator", "cpu", "--checkpoint-minutes", "0.0005")


def kept(study: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(study.glob("runs/*/predictions.npz"))}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table."""
    path = tmp_path_factory.mktemp("drivers") / "rows.csv"
    made_table(160).write_csv(path)
    return path


@pytest.fixture(scope="module")
def whole(rows: Path) -> dict[str, bytes]:
    """What one undisturbed process comes to."""
    study = rows.parent / "whole"
    got = answer("compare", rows, *ASKED, *QUICK, "--jobs", "1", "--out", study)
    assert got.code == 0, got.err
    return kept(study)


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("seed", range(2))
def test_drivers_that_are_killed_at_any_time(
    seed: int, jobs: str, rows: Path, whole: dict[str, bytes], record: Callable[..., None], tmp_path: Path
) -> None:
    study, choose, killed = tmp_path / "study", random.Random(seed), 0
    command = ("compare", rows, *ASKED, *QUICK, "--jobs", jobs, "--out", study)
    for _ in range(3):
        drivers = [start(tmp_path / f"driver{number}", *command) for number in range(2)]
        time.sleep(choose.uniform(1, 6))
        for driver in drivers:
            killed += driver.is_alive()
            with suppress(ProcessLookupError):  # it has ended, or is no group of its own yet
                os.killpg(driver.pid or 0, signal.SIGKILL)  # with its workers
            driver.kill()
            driver.join()
    drivers = [start(tmp_path / f"driver{number}", *command) for number in range(2)]
    for driver in drivers:
        driver.join()
        assert driver.exitcode == 0, (tmp_path / "driver0" / "stderr").read_text()
    assert answer(*command).code == 0
    assert kept(study) == whole
    content = json.loads((study / "results.json").read_text())
    assert (len(content["rows"]), content["failed"], content["missing"]) == (6, [], [])
    assert not [path for path in study.rglob(".*") if path.is_file() and not path.name.endswith(".partial")]
    record(job="compare, two processes at a time", fault="killed", tried=killed, ended="killed", then="the same bits")

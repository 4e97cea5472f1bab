"""Whatever write of a run folder fails, and however: one line, nothing lost, and the same bits after --resume."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CONTEXT, answer, made_table
from faulty_disk import ERRORS, KILLED, KINDS, faulty

pytestmark = pytest.mark.faults
JOBS = {
    "fit": ("fit", "--method", "crt", "--epochs", "4", "--selection", "validation"),
    "refit": ("fit", "--method", "sama", "--epochs", "3", "--selection", "refit"),
    "trees": ("fit", "--model", "xgboost"),
    "compare": ("compare", "--methods", "erm,crt", "--seeds", "1", "--epochs", "2", "--keep", "model", "--jobs", "1"),
}
NETWORK = ("--model", "mlp", "--batch-size", "32", "--accelerator", "cpu", "--checkpoint-minutes", "0")
Record = Callable[..., None]
Whole = tuple[Path, dict[str, tuple[dict[str, bytes], int]]]
KEPT = ("model.safetensors", "predictions.npz")
TRIES = 6  # spread over the writes of a job, where not all are tried


def words(job: str, rows: Path, out: Path, resume: bool = False) -> tuple[str | Path, ...]:
    command, *options = JOBS[job]
    options += () if "xgboost" in options else NETWORK
    options += ("--baselines", "majority") if command == "fit" else ()
    return command, rows, "--target", "label", *options, "--out", out, *(["--resume"] if resume else [])


def kept(out: Path) -> dict[str, bytes]:
    """What must be the same: weights and predictions to the bit, and the figures."""
    found = {str(path.relative_to(out)): path.read_bytes() for name in KEPT for path in sorted(out.rglob(name))}
    for path in sorted(out.rglob("result.json")):
        content = json.loads(path.read_text())
        found[str(path.relative_to(out))] = json.dumps([system["metrics"] for system in content["systems"]]).encode()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The table, and of each job what it leaves behind and how many writes that takes."""
    home = tmp_path_factory.mktemp("whole")
    rows = home / "rows.csv"
    made_table(120).write_csv(rows)
    found = {}
    for job in JOBS:
        with faulty(home, -1, "EIO") as begun:
            got = answer(*words(job, rows, home / job))
        assert got.code == 0, got.err
        assert len(begun) > 10
        found[job] = kept(home / job), len(begun)
    return rows, found


def _be_killed(rows: Path, job: str, out: Path, home: Path, number: int, kind: str) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    with faulty(home, number, kind):
        answer(*words(job, rows, out))
    os._exit(0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("job", JOBS)
def test_any_write_may_fail(job: str, kind: str, whole: Whole, record: Record, tmp_path: Path) -> None:
    rows, found = whole
    wanted, writes = found[job]
    tried = 0
    step = 1 if (job, kind) == ("fit", "ENOSPC") else max(1, writes // TRIES)
    for number in range(KINDS.index(kind) % step, writes, step):  # the kinds try different ones
        home = tmp_path / str(number)
        home.mkdir()
        out = home / "out"
        if kind in ERRORS:
            with faulty(home, number, kind):
                got = answer(*words(job, rows, out))
            lines = got.notes
            assert got.code == 2, (number, got.out, got.err)
            assert "Traceback" not in got.err
            assert lines, number
            assert lines[-1].startswith("tailtune: "), (number, got.err)
            assert ("free some space" in got.err) == (kind == "ENOSPC"), (number, got.err)
        else:
            process = CONTEXT.Process(target=_be_killed, args=(rows, job, out, home, number, kind))
            process.start()
            process.join()
            assert process.exitcode == KILLED, number
        resume = JOBS[job][0] == "fit" and (out / "run.yaml").exists()
        got = answer(*words(job, rows, out, resume))
        assert got.code == 0, (number, got.err)
        assert kept(out) == wanted, number
        assert not list(out.rglob(".*.partial")) or JOBS[job][0] == "compare", number
        tried += 1
    ended = "one line and exit code 2" if kind in ERRORS else "killed"
    record(job=" ".join(JOBS[job]), fault=kind, tried=tried, writes=writes, ended=ended, then="the same bits")

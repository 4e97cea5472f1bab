"""A measure of one's own, from the command line to result.json, tables, report and statistics."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, TABLE, Cli, Refused

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_measure.py"


@pytest.fixture
def cost(tmp_path: Path) -> str:
    """The example, in a file that may be changed."""
    return f"{shutil.copy(EXAMPLE, tmp_path / 'my_measure.py')}:cost"


def expected(folder: Path, name: str = "probabilities", most: float = 10.0) -> float:
    """The example's equation on what a run predicted; the rarest class is the last of the table's by name."""
    with np.load(folder / "predictions.npz") as arrays:
        wrong = arrays[name].argmax(axis=1) != arrays["targets"]
        return float(np.mean(wrong * np.where(arrays["targets"] == 2, most, 1.0)))


def test_a_run_states_it_everywhere(table: Callable[..., Path], cli: Cli, cost: str, tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 22
    run = tmp_path / "run"
    got = cli("fit", table(), *TABLE, *SMALL, "--measures", cost, "--out", run)
    assert got.code == 0, got.err
    result = json.loads((run / "result.json").read_text())
    model, majority = result["systems"]
    assert model["metrics"]["cost"] == pytest.approx(expected(run))
    assert majority["metrics"]["cost"] == pytest.approx(expected(run, "baseline_majority"))
    assert model["intervals"]["cost"][0] <= model["metrics"]["cost"] <= model["intervals"]["cost"][1]
    assert majority["difference"]["cost"]["difference"] == pytest.approx(
        model["metrics"]["cost"] - majority["metrics"]["cost"]
    )
    (told,) = result["measures"]
    assert (told["key"], told["higher_is_better"]) == ("cost", False)
    low, high = model["intervals"]["cost"]
    assert f"{model['metrics']['cost']:.3f} [{low:.3f}, {high:.3f}]" in got.out

    Path(cost.rpartition(":")[0]).unlink()  # the report needs the file no more, and `evaluate` says what it leaves out
    assert cli("report", run).code == 0
    page = (run / "report.html").read_text()
    assert "cost of an answer, lower is better" in page
    assert "10 where it misses the rarest class" in page
    scored = cli("evaluate", run, table(), "--json")
    assert "cost" not in json.loads(scored.out)
    assert f"without measure {cost}: there is no file" in scored.err


def test_evaluate_scores_new_rows_by_it(table: Callable[..., Path], cli: Cli, cost: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("fit", table(), *TABLE, *SMALL, "--measures", cost, "--out", run).code == 0
    scores = json.loads(cli("evaluate", run, table(), "--json").out)
    assert scores["intervals"]["cost"][0] <= scores["cost"] <= scores["intervals"]["cost"][1]
    assert f"{scores['cost']:.3f}" in cli("evaluate", run, table()).out


def test_a_comparison_tests_it_and_trains_nothing_anew_for_it(
    table: Callable[..., Path], cli: Cli, cost: str, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    quick = ("--epochs", "1", "--batch-size", "32", "--accelerator", "cpu", "--jobs", "1", "--seeds", "2")
    command = ("compare", table(), *TABLE, *quick, "--methods", "erm,focal", "--out", out)
    assert cli(*command).code == 0
    trained = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/DONE")}
    got = cli(*command, "--measures", cost)
    assert got.code == 0, got.err
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/*/DONE")} == trained
    results = json.loads((out / "results.json").read_text())
    for row in results["rows"]:
        assert row["cost"] == pytest.approx(expected(out / row["folder"]))
    assert "cost of an answer, lower is better" in (out / "report.html").read_text()
    assert "cost" in (out / "results.csv").read_text().splitlines()[0].split(",")
    (group,) = results["statistics"]["groups"]
    figure = group["results"]["focal"]["cost"]
    assert figure["mean"] == pytest.approx(np.mean([row["cost"] for row in results["rows"] if row["arm"] == "focal"]))
    assert figure["difference"]["standing"] in ("level", "leans_behind", "leans_ahead", "ahead", "behind", "untested")
    assert "measures of your own" in got.out

    file = Path(cost.rpartition(":")[0])
    file.write_text(file.read_text().replace("10.0", "20.0"))
    assert cli(*command, "--measures", cost).code == 0
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert [row["cost"] for row in rows] == [pytest.approx(expected(out / row["folder"], most=20.0)) for row in rows]


def test_one_that_cannot_be_used_is_refused_before_training(
    table: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("def fails(targets, probabilities, profile):\n    return 1 / 0\n")
    words = refused(table(), *TABLE, *SMALL, "--measures", f"{tmp_path / 'own.py'}:fails")
    assert "fails: ZeroDivisionError: division by zero" in words
    assert "has no function 'fail'" in refused(table(), *TABLE, *SMALL, "--measures", f"{tmp_path / 'own.py'}:fail")
    assert "always there" in refused(table(), *TABLE, *SMALL, "--measures", "log_loss")

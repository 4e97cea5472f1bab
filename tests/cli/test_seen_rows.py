"""`evaluate` on rows that were trained on says so, and scores the others apart."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command_line import SMALL, Cli, Fitted, made_table


def scores(cli: Cli, run: Path, data: Path) -> dict[str, object]:
    got = cli("evaluate", run, data, "--json")
    assert (got.code, got.err) == (0, "")
    found: dict[str, object] = json.loads(got.out)
    return found


def test_rows_that_were_trained_on_are_left_out(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    seen, unseen = pl.read_csv(fitted.data / "train.csv"), pl.read_csv(fitted.test)
    pl.concat([seen[:70], unseen, seen[70:]]).write_csv(tmp_path / "mixed.csv")
    mixed, alone = scores(cli, fitted.folder, tmp_path / "mixed.csv"), scores(cli, fitted.folder, fitted.test)
    assert (alone["seen"], alone["note"]) == (None, "")
    assert {key: value for key, value in mixed.items() if key not in ("seen", "note")} == {
        key: value for key, value in alone.items() if key not in ("seen", "note")
    }
    assert mixed["seen"]["rows"] == 200  # type: ignore[index]
    shown = cli("evaluate", fitted.folder, tmp_path / "mixed.csv").out
    assert "90 rows, 95 % intervals" in shown
    assert "200 of the 290 rows are left out of these figures, because the run was trained on rows of the" in shown


def test_nothing_but_rows_that_were_trained_on(fitted: Fitted, cli: Cli) -> None:
    found = scores(cli, fitted.folder, fitted.data / "train.csv")
    assert found["rows"] == found["seen"]["rows"] == 200  # type: ignore[index]
    assert found["balanced_accuracy"] == found["seen"]["metrics"]["balanced_accuracy"]  # type: ignore[index]
    shown = cli("evaluate", fitted.folder, fitted.data / "train.csv").out
    assert "The run was trained on all 200 rows, so these figures are too good: quote none of them." in shown


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_pictures_are_known_by_their_pixels(storage: str, images: Path, cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit = ("fit", images, "--model", "resnet8", *SMALL, "--storage", storage, "--out", run)
    assert cli(*fit).code == 0
    result = json.loads((run / "result.json").read_text())
    trained = sum(result["data"]["counts"]["train"]) + sum(result["data"]["counts"]["val"])
    again = scores(cli, run, images)
    assert (again["seen"]["rows"], again["rows"]) == (trained, 102 - trained)  # type: ignore[index]
    assert again["balanced_accuracy"] == result["systems"][0]["metrics"]["balanced_accuracy"]


def test_a_record_that_is_gone(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    made_table(30, seed=5).write_csv(tmp_path / "new.csv")
    record = fitted.folder / "trained_rows.npy"
    content = record.read_bytes()
    record.unlink()
    try:
        got = cli("evaluate", fitted.folder, tmp_path / "new.csv")
    finally:
        record.write_bytes(content)
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert "trained_rows.npy, which tells rows that were trained on, cannot be read" in got.err

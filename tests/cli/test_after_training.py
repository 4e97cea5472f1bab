"""Folds, a refit on all rows, going on from a run: what the command line says, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, TABLE, Cli, Fitted, Refused, made_table

TREES = ("--target", "label", "--model", "extra-trees(trees=10)", "--baselines", "majority")


def thin(frame: pl.DataFrame) -> pl.DataFrame:
    """With a class of three rows and one of a single row."""
    return frame.with_columns(label=pl.Series(["three"] * 3 + ["alone"] + frame["label"].to_list()[4:]))


def test_a_class_of_three_rows_goes_all_the_way(table: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    data, run = table(thin), tmp_path / "run"
    got = cli("fit", data, *TREES, "--folds", "3", "--out", run)
    assert got.code == 0, got.err
    assert "Class 'alone' is in training always" in got.err
    assert "how well it can be recognised stays unknown" in got.err
    assert "Class 'three' has 3 rows for 3 folds: each of the 3 that are scored is judged by a model" in got.err
    assert "no test rows" not in got.err  # of the split that is not used
    said = " ".join(got.out.split())
    assert "Figures are of 3 models out of fold: each of 239 rows was scored by a model" in said
    assert "trained by the same procedure on all 240 rows" in said
    assert "on 239 rows, each scored by a model that had not seen it" in said
    assert "--folds 5 would" not in said
    with np.load(run / "predictions.npz") as arrays:
        assert sorted(set(arrays["folds"].tolist())) == [0, 1, 2]
        assert len(arrays["ids"]) == len(set(arrays["ids"].tolist())) == 239
    page = (run / "report.html").read_text()
    for words in ("out of fold", "stays unknown", "3 rows for 3 folds"):
        assert words in page
    assert cli("verify", run, "--retrain").code == 0
    assert cli("report", run).code == 0
    assert cli("predict", run, data, "--out", tmp_path / "p.csv", "--top", "2").code == 0
    assert len(pl.read_csv(tmp_path / "p.csv")) == 240
    assert "The run was trained on all 240 rows" in " ".join(cli("evaluate", run, data).out.split())


def test_figures_stay_those_of_the_first_model_after_a_refit(
    table: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    data = table()
    plain = cli("fit", data, *TREES, "--out", tmp_path / "plain", "--json")
    again = cli("fit", data, *TREES, "--out", tmp_path / "refit", "--refit", "all", "--json")
    first, second = (json.loads(got.out)["systems"][0]["metrics"] for got in (plain, again))
    assert first == second
    notes = json.loads(again.out)["verdict"]["notes"]
    assert any("on all 240 rows" in note and "training rows only" in note for note in notes)
    assert cli("verify", tmp_path / "refit", "--retrain").code == 0
    assert "The run was trained on all 240 rows" in " ".join(cli("evaluate", tmp_path / "refit", data).out.split())
    for objective in ("accuracy", "balanced_accuracy"):  # fitted on the rows that the model for use did not see
        got = cli("predict", tmp_path / "refit", data, "--objective", objective, "--out", tmp_path / f"{objective}.csv")
        deployed = json.loads((tmp_path / "refit" / "result.json").read_text())["deployed"]
        assert f"on {sum(deployed['val'])} validation rows" in got.err, got.err


def test_folds_are_offered_where_a_class_has_few_test_rows(
    table: Callable[..., Path], cli: Cli, tmp_path: Path
) -> None:
    got = cli("fit", table(), *TREES, "--out", tmp_path / "run", "--json")
    notes = [note for note in json.loads(got.out)["verdict"]["notes"] if "--folds" in note]
    rows = made_table()["label"].to_list().count("rare")
    assert notes == [
        f"Class “rare” has 7 test rows, so its figures are rough; --folds 5 would score all {rows} of its rows."
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--folds", "1"), "--folds must be 2 or more, however: 1"),
        (("--folds", "0"), "--folds must be 2 or more"),
        (("--folds", "500"), "--folds 500 are more than"),
        (("--folds", "3", "--refit", "all"), "leave --refit all out"),
        (("--folds", "3", "--devices", "2"), "leave --devices out"),
        (("--refit", "all", "--devices", "2"), "leave --devices out"),
        (("--folds", "3", "--selection", "test-oracle"), "leave --selection test-oracle out"),
        (("--refit", "all", "--selection", "test-oracle"), "leave --selection test-oracle out"),
        (("--init-from", "nowhere"), "there is no run folder nowhere"),
        (("--init-from", "{run}", "--folds", "3"), "leave one of them out"),
        (("--init-from", "{run}", "--refit", "all"), "leave one of them out"),
        (("--init-from", "{run}", "--weights", "a.pt"), "leave one of them out"),
        (("--init-from", "{run}", "--model", "resnet"), "holds the network mlp, and --model asks for resnet"),
        (("--init-from", "{run}", "--method", "ldam"), "take the same --method"),
    ],
)
def test_what_is_refused(
    options: tuple[str, ...], words: str, table: Callable[..., Path], refused: Refused, fitted: Fitted
) -> None:
    model = () if "--init-from" in options else ("--model", "mlp")
    given = [option.format(run=fitted.folder) for option in options]
    assert words in refused(table(), "--target", "label", *model, "--epochs", "1", *given)


def test_words_that_are_no_choice(table: Callable[..., Path], cli: Cli) -> None:
    for options in (("--refit", "some"), ("--folds", "many"), ("--folds", "2.5")):
        got = cli("fit", table(), *TABLE, *options)
        assert (got.code, got.out) == (2, "")
        assert options[0] in got.err
        assert "Traceback" not in got.err


@pytest.mark.parametrize("options", [("--folds", "3"), ("--init-from", "runs/a")])
def test_searches_have_neither(options: tuple[str, ...], table: Callable[..., Path], refused: Refused) -> None:
    assert f"tune has no {options[0]}" in refused(table(), *TABLE, *options, command="tune")


def test_folds_of_data_with_a_test_part(fitted: Fitted, refused: Refused) -> None:
    assert "brings test rows of its own; leave --folds out" in refused(fitted.data, *TREES, "--folds", "3")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.filter(pl.col("label") != "rare"), "lacks the 'rare'"),
        (thin, "has the new 'alone', 'three'"),
        (lambda f: f.drop("height"), "lack the column 'height'"),
    ],
)
def test_rows_that_a_run_cannot_go_on_with(
    change: Callable[[pl.DataFrame], pl.DataFrame],
    words: str,
    table: Callable[..., Path],
    refused: Refused,
    fitted: Fitted,
) -> None:
    line = refused(table(change), "--init-from", fitted.folder, *SMALL)
    assert words in line
    assert f"--init-from {fitted.folder}" in line


def test_trees_do_not_go_on(table: Callable[..., Path], cli: Cli, refused: Refused, tmp_path: Path) -> None:
    assert cli("fit", table(), *TREES, "--out", tmp_path / "trees").code == 0
    line = refused(table(), "--init-from", tmp_path / "trees")
    assert "extra-trees(trees=10) cannot go on training, a network can" in line
    assert "--model mlp-plr" in line

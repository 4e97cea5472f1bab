"""The ways to select, to budget, to log and to compare, each from the command line to the report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import SMALL, TABLE, Cli

from tailtune.training.recipe import strong_from

Fit = Callable[..., dict[str, Any]]


@pytest.fixture
def fit(table: Callable[..., Path], cli: Cli, tmp_path: Path) -> Fit:
    """Fit the made table with further options; return result.json."""

    def run(*options: str | Path, base: tuple[str, ...] = (*TABLE, *SMALL)) -> dict[str, Any]:
        got = cli("fit", table(), *base, *options, "--out", tmp_path / "run")
        assert got.code == 0, got.err
        result: dict[str, Any] = json.loads((tmp_path / "run" / "result.json").read_text())
        return result

    return run


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_last_trains_on_all_training_rows(fit: Fit, tmp_path: Path) -> None:
    result = fit("--selection", "last")
    counts = result["data"]["counts"]
    assert counts["val"] is None
    assert sum(counts["train"]) + sum(counts["test"]) == 240
    assert result["training"]["best_epoch"] is None
    assert [row["val_loss"] for row in rows_of(tmp_path / "run")] == [None, None]


def test_validation_keeps_the_best_epoch_or_a_later_one_that_is_as_good(fit: Fit, tmp_path: Path) -> None:
    result = fit("--epochs", "6", "--monitor", "log_loss", "--lr", "0.1")
    losses = [row["val_loss"] for row in rows_of(tmp_path / "run")]
    kept = result["training"]["best_epoch"] - 1
    assert kept >= np.argmin(losses)
    assert losses[kept] < min(losses) + 0.1
    assert "log loss on validation, or the last that is worse by less than half" in result["training"]["selection_note"]


def test_patience_stops_early(fit: Fit, tmp_path: Path) -> None:
    result = fit("--epochs", "60", "--monitor", "accuracy", "--patience", "2", "--lr", "0.05")
    assert result["training"]["epochs"] < result["training"]["planned_epochs"] == 60
    assert result["training"]["stopped"] == "no better validation score for 2 epochs"
    assert len(rows_of(tmp_path / "run")) == result["training"]["epochs"]


def test_refit_trains_twice_the_second_time_on_all_rows(fit: Fit, tmp_path: Path) -> None:
    result = fit("--selection", "refit", "--epochs", "4")
    first, second = rows_of(tmp_path / "run" / "selection"), rows_of(tmp_path / "run")
    training, counts = result["training"], result["data"]["counts"]
    batch = result["run"]["batch_size"]
    assert len(first) == 4
    assert training["best_epoch"] >= 1 + int(np.argmin([row["val_loss"] for row in first]))
    assert len(second) == training["epochs"] == training["best_epoch"]
    assert first[0]["step"] == sum(counts["train"]) // batch
    assert second[0]["step"] == (sum(counts["train"]) + sum(counts["val"])) // batch
    assert result["run"]["selection"] == "refit"
    assert "Then trained anew on training and validation rows" in training["selection_note"]


def test_the_test_rows_can_be_watched_without_deciding(fit: Fit, tmp_path: Path) -> None:
    result = fit("--selection", "last", "--test-curve")
    rows = rows_of(tmp_path / "run")
    measured = result["systems"][0]["metrics"]
    assert rows[-1]["test_accuracy"] == pytest.approx(measured["accuracy"])
    assert rows[-1]["test_balanced_accuracy"] == pytest.approx(measured["balanced_accuracy"])
    assert "val_loss" not in rows[0]
    assert "decided nothing" in result["training"]["selection_note"]
    assert "Accuracy on test rows by epoch" in (tmp_path / "run" / "report.html").read_text()


def test_watching_the_test_rows_changes_nothing(fit: Fit, tmp_path: Path) -> None:
    watched = fit("--selection", "last", "--test-curve")
    shutil.rmtree(tmp_path / "run")
    alone = fit("--selection", "last")
    assert watched["systems"][0]["metrics"] == alone["systems"][0]["metrics"]
    assert watched["training"]["best_epoch"] is None


def test_the_test_oracle_is_marked(fit: Fit, tmp_path: Path) -> None:
    result = fit("--selection", "test-oracle")
    assert "never quote them" in result["training"]["selection_note"]
    assert rows_of(tmp_path / "run")[0]["test_accuracy"] > 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "too good" in page


def test_xgboost_as_the_model(fit: Fit, cli: Cli, tmp_path: Path) -> None:
    result = fit(base=("--target", "label", "--model", "xgboost"))
    assert [system["label"] for system in result["systems"]] == ["erm (xgboost)", "majority class"]
    assert result["systems"][0]["metrics"]["balanced_accuracy"] > 0.7
    out = tmp_path / "p.parquet"
    assert cli("predict", tmp_path / "run", tmp_path / "rows.csv", "--out", out).code == 0


@pytest.mark.parametrize("selection", ["last", "refit", "test-oracle"])
def test_xgboost_under_every_selection(selection: str, fit: Fit) -> None:
    result = fit("--selection", selection, base=("--target", "label", "--model", "xgboost", "--baselines", "majority"))
    assert result["training"]["selection"] == selection


def test_erm_as_a_baseline_has_the_same_setting(fit: Fit) -> None:
    result = fit("--method", "sama", "--baselines", "erm", "xgboost")
    model, erm, xgboost = result["systems"]
    assert [system["label"] for system in (model, erm, xgboost)] == ["sama (mlp)", "erm (mlp)", "XGBoost"]
    low, high = erm["difference"]["balanced_accuracy"]["interval"]
    assert low <= erm["difference"]["balanced_accuracy"]["difference"] <= high


def test_the_epochs_fit_into_the_minutes(fit: Fit, tmp_path: Path) -> None:
    result = fit("--minutes", "0.3", "--patience", "0")
    assert result["training"]["planned_epochs"] == result["run"]["epochs"]
    assert len(rows_of(tmp_path / "run")) == result["training"]["epochs"]


def test_a_training_that_is_cut_short_by_the_minutes_takes_milder_augmentation(cli: Cli, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (1700, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "many.npz", x=x, y=np.arange(len(x)) % 10 == 0)
    options = ("--method", "tuned", "--minutes", "0.2", "--baselines", "majority", "--out", tmp_path / "run")
    got = cli("fit", tmp_path / "many.npz", *options)
    assert got.code == 0, got.err
    run = json.loads((tmp_path / "run" / "result.json").read_text())["run"]
    assert run["epochs"] < strong_from(1700)  # 240 without the minutes, and with TrivialAugment
    assert run["policy"] == "flip+crop"


def test_a_logger_beside_the_metrics(fit: Fit, tmp_path: Path) -> None:
    fit("--logger", "csv")
    (logged,) = (tmp_path / "run").rglob("metrics.csv")
    lines = logged.read_text().splitlines()
    assert "val_balanced_accuracy" in lines[0]
    assert len(lines) == 1 + 2


OWN = """
import torch
from tailtune.methods.method import Method, Stage

def halved(profile, smoothing=0.1):
    def loss(logits, targets):
        return 0.5 * torch.nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    return Method("halved", (Stage(loss=loss),))

def weighted(profile):
    return Method("weighted", (Stage(class_weights=lambda progress: profile.num_classes * (1 - profile.priors)),))

def nothing(profile):
    return "a word"
"""


def test_a_method_of_ones_own(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    result = fit("--method", f"{tmp_path / 'own.py'}:halved(smoothing=0.2)", "--baselines", "erm")
    assert result["run"]["method"].endswith("own.py:halved(smoothing=0.2)")
    losses = rows_of(tmp_path / "run")
    assert losses[0]["train_loss"] < 0.8 < losses[0]["val_loss"]


def test_class_weights_reach_the_trees(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    weighted = f"{tmp_path / 'own.py'}:weighted"
    result = fit(base=("--target", "label", "--model", "xgboost", "--method", weighted, "--baselines", "xgboost"))
    model, plain = result["systems"]
    assert model["metrics"]["log_loss"] != plain["metrics"]["log_loss"]


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("halfed", "mlp", "has no function 'halfed'. Did you mean 'halved'?"),
        ("nothing", "mlp", "must return a tailtune.methods.method.Method, however: str"),
        ("halved", "xgboost", "sets the loss of training, which xgboost does not have"),
    ],
)
def test_a_method_of_ones_own_that_does_not_fit(
    name: str, model: str, words: str, table: Callable[..., Path], refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    assert words in refused(table(), "--target", "label", "--model", model, "--method", f"{tmp_path / 'own.py'}:{name}")

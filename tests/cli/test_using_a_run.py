"""After training: predict, evaluate and report agree with the run, with each other and with Python, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import CLASSES, SMALL, Cli, Fitted, write_images
from numpy.typing import NDArray

from tailtune.data.open import open_for_prediction
from tailtune.run.predictor import Predictor

COLUMNS = [f"probability_{name}" for name in CLASSES]


def predicted(cli: Cli, run: Path, data: Path, out: Path) -> tuple[pl.DataFrame, str]:
    """The table that `predict` writes, and what it says beside."""
    got = cli("predict", run, data, "--out", out)
    assert got.code == 0, got.err
    return (pl.read_parquet(out) if out.suffix == ".parquet" else pl.read_csv(out)), got.err


def saved(run: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(run / "predictions.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_predictions_are_those_of_the_run_and_of_python(suffix: str, fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    frame, said = predicted(cli, fitted.folder, fitted.test, tmp_path / f"p{suffix}")
    assert said == ""
    assert frame.columns == ["id", "predicted", *COLUMNS]
    from_file = frame.select(COLUMNS).to_numpy()
    run = saved(fitted.folder)
    assert [f"test.csv:{row}" for row in frame["id"]] == run["ids"].tolist()
    np.testing.assert_array_equal(from_file, run["probabilities"])
    predictor = Predictor.load(fitted.folder)
    rows = open_for_prediction(fitted.test, predictor.preprocessor, predictor.names)
    np.testing.assert_array_equal(from_file, predictor.probabilities(rows.inputs))
    assert frame["predicted"].to_list() == [CLASSES[k] for k in run["answers"]]
    np.testing.assert_allclose(from_file.sum(axis=1), 1, rtol=1e-12)


def test_rows_keep_their_order_and_columns_may_change_theirs(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    rows = pl.read_csv(fitted.test)
    expected = saved(fitted.folder)["probabilities"]
    order = np.random.default_rng(0).permutation(len(rows))
    changed = rows[order].select("colour", "label", "weight", "height")
    changed.write_parquet(tmp_path / "shuffled.parquet")
    frame, said = predicted(cli, fitted.folder, tmp_path / "shuffled.parquet", tmp_path / "p.parquet")
    assert said == ""
    np.testing.assert_allclose(frame.select(COLUMNS).to_numpy(), expected[order], rtol=1e-12)


def test_extra_columns_are_a_note_and_the_target_is_not_needed(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    rows = pl.read_csv(fitted.test).drop("label").with_columns(shoe=pl.lit(42))
    rows.write_csv(tmp_path / "new.csv")
    frame, said = predicted(cli, fitted.folder, tmp_path / "new.csv", tmp_path / "p.csv")
    assert said.splitlines() == ["Not used, because the model was not trained on it: 'shoe'."]
    np.testing.assert_array_equal(frame.select(COLUMNS).to_numpy(), saved(fitted.folder)["probabilities"])


Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop("height", "colour"), "lack the columns 'height', 'colour'"),
        (lambda f: f.rename({"height": "hight"}), "Did you mean 'hight'?"),
        (lambda f: f.with_columns(height=pl.lit("tall")), "column 'height' holds numbers, however: 'tall' in row 1"),
        (lambda f: f.with_columns(height=pl.lit(np.inf)), "column 'height' is infinite in row 1"),
    ],
)
def test_rows_that_do_not_fit_the_model(change: Change, words: str, fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    change(pl.read_csv(fitted.test)).write_csv(path)
    for command in (("predict", fitted.folder, path, "--out", tmp_path / "p.csv"), ("evaluate", fitted.folder, path)):
        got = cli(*command)
        assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1), got
        assert got.err.startswith(f"tailtune: {path}: ")
        assert words in got.err
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    ("run", "data", "out", "words"),
    [
        ("{run}", "{test}", "p.xlsx", "must end in .csv or .parquet"),
        ("{run}", "{test}", "missing/p.csv", "there is no folder"),
        ("{run}", "missing.csv", "p.csv", "there is no file"),
        ("missing", "{test}", "p.csv", "there is no run folder missing"),
    ],
)
def test_what_predict_refuses(
    run: str, data: str, out: str, words: str, fitted: Fitted, cli: Cli, tmp_path: Path
) -> None:
    known = {"run": fitted.folder, "test": fitted.test}
    got = cli("predict", run.format(**known), data.format(**known), "--out", tmp_path / out)
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert words in got.err


def test_evaluate_gives_the_figures_of_the_run(fitted: Fitted, cli: Cli) -> None:
    got = cli("evaluate", fitted.folder, fitted.test, "--json")
    assert (got.code, got.err) == (0, "")
    scores, model = json.loads(got.out), json.loads((fitted.folder / "result.json").read_text())["systems"][0]
    assert scores["rows"] == 90
    assert {name: scores[name] for name in model["metrics"]} == model["metrics"]
    assert scores["per_class"] == model["per_class"]
    assert scores["intervals"] == model["intervals"]
    shown = cli("evaluate", fitted.folder, fitted.test)
    assert f"{model['metrics']['balanced_accuracy']:.3f}" in shown.out


def test_evaluate_needs_the_target(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    pl.read_csv(fitted.test).drop("label").write_csv(tmp_path / "new.csv")
    got = cli("evaluate", fitted.folder, tmp_path / "new.csv")
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert "holds no targets to score against; it needs the target column" in got.err


def test_report_writes_the_same_bytes_again(fitted: Fitted, cli: Cli) -> None:
    page = fitted.folder / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert cli("report", fitted.folder).code == 0
    assert page.read_bytes() == before


def test_json_stands_alone_on_stdout(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    fit = json.loads(fitted.answer.out)
    assert fit["folder"] == str(fitted.folder)
    assert [system["name"] for system in fit["systems"]] == ["erm", "majority"]
    seen = json.loads(cli("inspect", fitted.data, "--target", "label", "--json").out)
    assert seen["notes"] == []
    assert sum(seen["counts"]["train"]) + sum(seen["counts"]["val"]) == 200
    done = json.loads(cli("predict", fitted.folder, fitted.test, "--out", tmp_path / "p.csv", "--json").out)
    assert done == {"rows": 90, "out": str(tmp_path / "p.csv")}
    listed = {"methods": "tuned", "models": "mlp-plr", "datasets": "digits", "profiles": "pareto", "policies": "cutmix"}
    listed["measures"] = "macro_auprc"
    for what, name in listed.items():
        listed = json.loads(cli("list", what, "--json").out)
        assert name in [entry["name"] for entry in listed]
        assert all(entry["about"] for entry in listed)


def test_images_keep_their_paths(cli: Cli, tmp_path: Path) -> None:
    """An image run with parts: predictions of test/ are those of the run, under the same paths."""
    for part, count in (("train", 20), ("val", 8), ("test", 10)):
        write_images(tmp_path / "data" / part, {"a b": count, "ç": count // 2})
    got = cli("fit", tmp_path / "data", *SMALL, "--model", "resnet8", "--precision", "bf16", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    run = saved(tmp_path / "run")
    frame, _ = predicted(cli, tmp_path / "run", tmp_path / "data" / "test", tmp_path / "p.csv")
    assert [f"test/{path}" for path in frame["id"]] == run["ids"].tolist()
    assert frame["id"][0] == "a b/000.png"
    np.testing.assert_array_equal(frame.select("probability_a b", "probability_ç").to_numpy(), run["probabilities"])
    scores = json.loads(cli("evaluate", tmp_path / "run", tmp_path / "data" / "test", "--json").out)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert scores["balanced_accuracy"] == result["systems"][0]["metrics"]["balanced_accuracy"]
    assert result["data"]["split"] == "given"
    one, _ = predicted(cli, tmp_path / "run", tmp_path / "data/test/ç/002.png", tmp_path / "one.csv")
    assert one["id"].to_list() == ["002.png"]
    got = cli("predict", tmp_path / "run", tmp_path / "data", "--out", tmp_path / "all.csv")
    assert "has a train/ part; say which part is meant" in got.err


def test_a_named_data_set_stands_for_its_test_part(cli: Cli, fitted: Fitted, tmp_path: Path) -> None:
    got = cli("fit", "digits", "--ratio", "0.1", "--epochs", "1", "--baselines", "majority", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    scores = json.loads(cli("evaluate", tmp_path / "run", "digits", "--json").out)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert scores["balanced_accuracy"] == result["systems"][0]["metrics"]["balanced_accuracy"]
    assert scores["rows"] == sum(result["data"]["counts"]["test"])
    other = cli("evaluate", fitted.folder, "digits")
    assert other.code == 2
    assert "digits is a named data set, and" in other.err

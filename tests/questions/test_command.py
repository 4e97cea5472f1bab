"""`tailtune study NAME DATA`: each question from data to sentence, and how names and files are told apart."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from command_line import answer as run
from command_line import made_table, write_images

from tailtune import questions
from tailtune.questions.question import subject


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    made_table(200).filter(pl.col("label") != "middling").write_csv(path)
    return path


def finish(name: str, data: str | Path, out: Path, *words: str) -> dict[str, object]:
    got = run("study", name, data, "--jobs", "1", "--out", out, *words)
    assert got.code == 0, got.err
    said: dict[str, object] = json.loads((out / "answer.json").read_text())
    sentence = str(said["sentence"])
    assert sentence in got.out
    assert sentence in unescape((out / "answer.html").read_text())
    again = subject(name).answer(pl.read_csv(out / "answer.csv", infer_schema_length=None).to_dicts())
    assert again.sentence == sentence  # the rows alone tell it
    assert again.figures
    assert all((out / f"{figure}.svg").stat().st_size > 1000 for figure in again.figures)
    return said


def test_ratio_of_a_table_takes_trees_and_a_training_is_made_once(rows: Path, tmp_path: Path) -> None:
    words = ("--target", "label", "--values", "0.3", "--seeds", "2")
    said = finish("ratio", rows, tmp_path / "out", *words)
    assert "of 'rare' in use" in str(said["sentence"])
    trained = pl.read_csv(tmp_path / "out" / "results.csv")
    assert set(trained["model"]) == {"xgboost"}
    assert set(trained["method"]) == {"erm", "inverse_frequency"}
    sums = pl.read_csv(tmp_path / "out" / "answer.csv")["training_rows"]
    assert sums.max() - sums.min() <= 3
    again = json.loads(run("study", "ratio", rows, "--jobs", "1", "--out", tmp_path / "out", *words, "--json").out)
    assert (again["sentence"], again["tables"]) == (said["sentence"], said["tables"])
    assert pl.read_csv(tmp_path / "out" / "results.csv")["seconds"].equals(trained["seconds"])


def test_growth_of_an_image_folder_makes_as_many_steps(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pictures", {"bright": 60, "dark": 24})
    words = ("--epochs", "1", "--model", "resnet8", "--seeds", "1", "--values", "0.3", "0.6")
    said = finish("growth", folder, tmp_path / "out", *words)
    assert "of 'bright'" in str(said["sentence"])
    trained = pl.read_csv(tmp_path / "out" / "results.csv")
    assert max(trained["steps"]) <= 2 * min(trained["steps"])
    assert len(set(trained["class_rows"])) == len(trained) == 1 + 2 + 2


@pytest.mark.parametrize(
    ("name", "values"),
    [("batch-size", ("32",)), ("augmentation", ("crop",)), ("pretraining", ("vicreg-beside",))],
)
def test_choices_on_pictures(name: str, values: tuple[str, ...], tmp_path: Path) -> None:
    words = ("--ratios", "0.2", "--epochs", "1", "--model", "resnet8", "--seeds", "1", "--values", *values)
    finish(name, "digits", tmp_path / "out", *words)
    table = pl.read_csv(tmp_path / "out" / "answer.csv")
    reported = pl.read_csv(tmp_path / "out" / "results.csv")
    assert table["test_balanced_accuracy"].to_list() == pytest.approx(reported["balanced_accuracy"].to_list())


def test_architectures_of_a_table_are_networks_and_others(rows: Path, tmp_path: Path) -> None:
    words = ("--target", "label", "--epochs", "1", "--values", "logistic-regression", "--model", "mlp", "--seeds", "2")
    said = finish("architecture", rows, tmp_path / "out", *words)
    assert "logistic-regression" in str(said["sentence"])


def test_a_dry_run_writes_nothing(rows: Path, tmp_path: Path) -> None:
    got = run("study", "ratio", rows, "--target", "label", "--out", tmp_path / "out", "--dry-run", "--seeds", "1")
    assert got.code == 0, got.err
    assert "trainings to do" in got.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ratoi", "digits"), "there is no study 'ratoi'. Did you mean 'ratio'"),
        (("--seeds", "2", "ratio"), "the name and the data come first: tailtune study ratio DATA"),
        (("nosuch.py:design",), "there is no file nosuch.py to take the study from"),
        (("ratio", "digits", "otto"), "takes one value of DATA, however: 2"),
        (("ratio", "digits", "--selection", "last"), "use --selection validation or refit"),
        (("growth", "digits", "--selection", "refit"), "adds all validation rows to those that are kept"),
        (("ratio", "digits", "--objective", "accuracy"), "leave --objective accuracy out"),
        (("ratio", "digits", "--values", "2"), "train ratios must be more than 0 and at most 1, however: '2'"),
        (("growth", "digits", "--values", "half"), "shares of the rows of a class must be more than 0"),
        (("growth", "digits", "--values", "0.001"), "a learning curve needs two parts of the rows"),
        (("batch-size", "digits", "--values", "0"), "whole numbers of 1 or more, however: '0'"),
        (("batch-size", "digits", "--values", "9999"), "is more than the"),
        (("batch-size", "digits", "--objective", "accuracy"), "is about balanced accuracy"),
        (("batch-size", "rows.csv", "--target", "label", "--model", "xgboost"), "xgboost has no batches"),
        (("augmentation", "rows.csv", "--target", "label"), "is about pictures, and rows.csv is a table"),
        (("pretraining", "rows.csv", "--target", "label"), "is about pictures, and rows.csv is a table"),
        (("pretraining", "digits", "--method", "sama"), "leave --method sama out"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    words: tuple[str, ...], message: str, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rows.parent)
    got = run("study", *words)
    assert got.code == 2, got.out
    assert message in got.err
    assert len(got.err.strip().splitlines()) == 1


def test_every_name_has_a_module_and_help() -> None:
    for name in questions.NAMES:
        chosen = subject(name)
        assert chosen.TITLE.endswith("?")
        assert chosen.LIMITS
    assert "--values" in run("study", "ratio", "--help").out
    assert "tailtune study ratio DATA" in run("study", "--help").out

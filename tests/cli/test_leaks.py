"""Rows of the test part that training has: `inspect`, `fit` and `evaluate` name them, and the verdict says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import Cli
from PIL import Image

from tailtune.leaks.leak import spoils

QUICK = ("--model", "logistic-regression", "--baselines", "majority")


def readings(rows: int, seed: int) -> pl.DataFrame:
    """Four numbers, of which one tells a little of the class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5))
    labels = np.where(values[:, 0] + rng.normal(size=rows) > 0.8, "rare", "common")
    return pl.DataFrame({f"x{j}": column for j, column in enumerate(values.T)} | {"label": labels})


def parts(folder: Path, copies: int) -> Path:
    """A folder with train.csv and test.csv, which has so many rows of it again."""
    folder.mkdir()
    train, test = readings(300, 0), readings(150, 1)
    train.write_csv(folder / "train.csv")
    pl.concat([test, train[:copies]]).write_csv(folder / "test.csv")
    return folder


def test_copies_in_the_test_part_are_in_the_verdict(tmp_path: Path, cli: Cli) -> None:
    data, run = parts(tmp_path / "data", 50), tmp_path / "run"
    got = cli("fit", data, "--target", "label", *QUICK, "--out", run)
    assert got.code == 0, got.err
    said = "50 test rows of 200 (25 %) have the same values as rows trained on (test.csv:151 is like train.csv:1"
    assert any(said in line for line in got.notes)
    shown = " ".join(got.out.split())
    assert "Not on rows the model never saw: 50 of the 200 test rows have their like, or their group," in shown
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "On rows the model never saw</h2>" not in page
    assert "Not on rows the model never saw: 50 of the 200" in page

    record = json.loads((run / "result.json").read_text())["leaks"]
    assert (record["rows"], record["spoils"], record["found"][0]["code"]) == (50, True, "identical")
    made = np.load(run / "predictions.npz")
    clean = slice(0, 150)
    right = made["answers"][clean] == made["targets"][clean]
    recalls = [right[made["targets"][clean] == k].mean() for k in (0, 1)]
    assert record["others"]["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    losses = -np.log(made["probabilities"][clean][np.arange(150), made["targets"][clean]])
    assert record["others"]["log_loss"] == pytest.approx(losses.mean())
    assert cli("verify", run).code == 0


def test_a_few_copies_are_a_note_and_none_is_nothing(tmp_path: Path, cli: Cli) -> None:
    for copies, heading in ((1, 1), (0, 1)):
        data, run = parts(tmp_path / f"data{copies}", copies), tmp_path / f"run{copies}"
        got = cli("fit", data, "--target", "label", *QUICK, "--out", run)
        assert got.code == 0, got.err
        page = (run / "report.html").read_text(encoding="utf-8")
        assert page.count("On rows the model never saw</h2>") == heading
        assert ("1 of the 151 test rows has its like" in " ".join(got.out.split())) == bool(copies)
        assert bool(json.loads((run / "result.json").read_text())["leaks"]["found"]) == bool(copies)


def test_inspect_names_groups_times_and_copies(tmp_path: Path, cli: Cli) -> None:
    rng = np.random.default_rng(0)
    frame = readings(400, 0).with_columns(
        pl.Series("patient", rng.integers(0, 80, 400)),
        pl.Series("seen", [f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(400)]),
    )
    frame.write_csv(tmp_path / "rows.csv")
    got = cli("inspect", tmp_path / "rows.csv", "--target", "label", "--json")
    assert got.code == 0, got.err
    found = json.loads(got.out)
    assert [leak["code"] for leak in found["leaks"]] == ["group", "time"]
    advice = {piece["code"]: piece for piece in found["advice"]}
    assert advice["TT022"]["change"] == ["--group patient"]
    assert advice["TT022"]["level"] == "act"
    assert advice["TT023"]["change"] == ["--time seen"]
    page = tmp_path / "page.html"
    shown = cli("inspect", tmp_path / "rows.csv", "--target", "label", "--page", page)
    assert "--group patient keeps each within one part" in " ".join(shown.out.split())
    assert "--group patient" in page.read_text(encoding="utf-8")
    grouped = cli("inspect", tmp_path / "rows.csv", "--target", "label", "--group", "patient", "--json")
    assert [leak["code"] for leak in json.loads(grouped.out)["leaks"]] == ["time"]


def test_evaluate_leaves_out_pictures_that_are_nearly_those_trained_on(tmp_path: Path, cli: Cli) -> None:
    rng = np.random.default_rng(0)

    def scene() -> np.ndarray:
        small = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
        return np.asarray(small.resize((26, 26), Image.Resampling.BICUBIC)).astype(float)

    for k, label in enumerate("ab"):
        for folder in ("data", "new"):
            (tmp_path / folder / label).mkdir(parents=True)
        for number in range(30):
            first = scene() * 0.8 + 20 * k
            Image.fromarray(first[1:25, 1:25].astype(np.uint8)).save(tmp_path / "data" / label / f"p{number}.png")
            again = first if number < 8 else scene()
            noisy = np.clip(again + rng.normal(0, 2, again.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy[1:25, 1:25]).save(tmp_path / "new" / label / f"q{number}.png")
    run = tmp_path / "run"
    small = (
        "--method",
        "erm",
        "--epochs",
        "1",
        "--batch-size",
        "16",
        "--accelerator",
        "cpu",
        "--baselines",
        "majority",
    )
    got = cli("fit", tmp_path / "data", "--model", "resnet8", *small, "--val-fraction", "0.1", "--out", run)
    assert got.code == 0, got.err
    counts = json.loads((run / "result.json").read_text())["data"]["counts"]
    assert sum(counts["test"]) == 12
    scored = json.loads(cli("evaluate", run, tmp_path / "new", "--json").out)
    assert 9 <= scored["seen"]["near"] == scored["seen"]["rows"] <= 16  # 16 copies, less those of test pictures
    assert scored["rows"] == 60 - scored["seen"]["rows"]
    assert "or on pictures nearly the same" in scored["note"]
    (run / "trained_pictures.npz").write_bytes(b"broken")
    broken = cli("evaluate", run, tmp_path / "new")
    assert (broken.code, len(broken.err.splitlines())) == (2, 1)
    assert "trained_pictures.npz" in broken.err


def test_what_spoils_figures() -> None:
    targets = np.repeat([0, 1], [1000, 10])
    rows = np.zeros(1010, dtype=bool)
    rows[-2:] = True
    assert not spoils(rows, targets)
    rows[-3:] = True  # 0.3 % of the rows, but 30 % of a class
    assert spoils(rows, targets)
    assert not spoils(np.arange(1010) < 9, targets)
    assert spoils(np.arange(1010) < 11, targets)

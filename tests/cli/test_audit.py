"""`tailtune audit`: what it prints and writes, of data and of runs, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli, Refused, made_table

from tailtune.run.finished import Finished


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Sixty noisy pictures of two classes, of which one stands in both."""
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], [40, 20])
    shown = (rng.integers(0, 90, (60, 12, 12)) + 120 * targets[:, None, None]).astype(np.uint8)
    shown[50] = shown[3]
    np.savez(tmp_path / "pictures.npz", x_train=shown, y_train=targets)
    return tmp_path / "pictures.npz"


def test_pictures_are_shown_on_a_page(pictures: Path, tmp_path: Path, cli: Cli) -> None:
    page = tmp_path / "audit.html"
    got = cli("audit", pictures, "--page", page)
    assert got.code == 0, got.err
    assert "The same inputs, different classes: 2 rows have the same inputs as a row of another class" in got.out
    assert "x_train[50] (1): set 1" in got.out
    text = page.read_text()
    assert "At most 98.3" in text
    assert text.count('<img src="data:image/') >= 2
    assert "Why this may be wrong: It holds for these rows" in text
    assert "script" not in text.replace("default-src", "")
    again = cli("audit", pictures, "--page", page)
    assert (again.code, "--force" in again.err) == (2, True)


def test_it_says_the_same_as_json(pictures: Path, cli: Cli) -> None:
    got = cli("audit", pictures, "--json")
    assert got.code == 0, got.err
    found = json.loads(got.out)
    assert found["rows"] == 60
    assert found["left_out"] == {}
    codes = [finding["code"] for finding in found["findings"]]
    assert codes[:2] == ["mislabelled", "contradicting"]
    assert found["ceilings"][0]["accuracy"] == pytest.approx(59 / 60)


def test_the_scores_of_a_run_with_folds_are_gone_by(tmp_path: Path, cli: Cli, refused: Refused) -> None:
    made_table().write_csv(tmp_path / "rows.csv")
    run = ("--target", "label", "--model", "logistic-regression", "--baselines", "majority", "--folds", "3")
    assert cli("fit", tmp_path / "rows.csv", *run, "--out", tmp_path / "run").code == 0
    got = cli("audit", tmp_path / "run", "--json")
    assert got.code == 0, got.err
    found, made = json.loads(got.out), Finished(tmp_path / "run").predictions
    assert found["scored_by"] == "Rows were scored by the models of run that had not seen them (--folds)."
    assert found["accuracy"] == pytest.approx(float((made.scores.argmax(1) == made.targets).mean()))
    told = refused(tmp_path / "run", "--ratio", "0.1", command="audit")
    assert "is a run, which says itself how its data are read; leave the other options out" in told


def test_wrong_words_are_refused_in_a_line(tmp_path: Path, refused: Refused) -> None:
    assert "nothing.csv" in refused(tmp_path / "nothing.csv", command="audit")
    assert "must end in .html" in refused("digits", "--page", tmp_path / "page.txt", command="audit")
    assert "--ratio must be more than 0" in refused("digits", "--ratio", "2", command="audit")

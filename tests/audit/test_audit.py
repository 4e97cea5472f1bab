"""An audit finds what was put into the data: wrong labels, contradictions, copies, and rare rows unlike all others."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tailtune.audit.audit import audit
from tailtune.audit.finding import Finding
from tailtune.data.open import open_dataset
from tailtune.settings import Reading

WRONG = (3, 40, 77)  # rows of a whose label says b
CLASSES = ("a", "b", "c")


def table(folder: Path) -> Path:
    """Three clusters of 100, 100 and 12 rows, with what an audit is to find."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [100, 100, 12])
    x = rng.normal(size=(len(truth), 4)) + 6 * np.eye(3, 4)[truth]
    labels = truth.copy()
    labels[list(WRONG)] = 1
    x[-1] = x[0] + 0.05  # a rare row in the midst of a
    extra = [10, 11, 110]  # again: two copies, and one with another class
    x, labels = np.concatenate([x, x[extra]]), np.concatenate([labels, labels[extra]])
    labels[-1] = 0
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(4)} | {"y": [CLASSES[k] for k in labels]})
    frame.write_csv(folder / "rows.csv")
    return folder / "rows.csv"


def found(folder: Path) -> dict[str, Finding]:
    """The findings by their code."""
    made, rows = audit(open_dataset(Reading(str(table(folder)), target="y")))
    assert (made.rows, len(rows)) == (215, 215)
    assert made.accuracy is not None
    assert made.accuracy > 0.95
    for finding in made.findings:
        for shown in finding.shown:
            assert str(rows.ids[shown.position]) == shown.row
            assert made.classes[shown.label]
    return {finding.code: finding for finding in made.findings}


def test_what_was_put_in_is_found(tmp_path: Path) -> None:
    findings = found(tmp_path)
    wrong = findings["mislabelled"]
    assert wrong.by_class["b"] >= 3
    assert "most are of 'b' that look like 'a'" in wrong.sentence
    assert findings["contradicting"].by_class == {"a": 1, "b": 1}
    assert "2 rows have the same inputs as a row of another class, in 1 set" in findings["contradicting"].sentence
    assert findings["copies"].by_class == {"a": 2}
    assert findings["never_right"].by_class == {"c": 1}
    assert findings["never_right"].shown[0].note == "taken for a"
    assert all(shown.note.startswith("looks like a") for shown in wrong.shown if shown.label == "b")
    assert {row + 1 for row in WRONG} <= {int(shown.row) for shown in wrong.shown}  # rows count from 1, and the header
    codes = list(findings)
    assert codes[:2] == ["mislabelled", "contradicting"]


def test_without_cleanlab_the_rest_is_found_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    made, _ = audit(open_dataset(Reading(str(table(tmp_path)), target="y")))
    assert made.left_out == {
        "mislabelled": "looking for mislabelled rows needs cleanlab, which is not installed: pip install cleanlab"
    }
    assert {"contradicting", "copies", "never_right"} <= {finding.code for finding in made.findings}
    assert [ceiling.code for ceiling in made.ceilings] == ["contradictions", "neighbours"]
    assert made.ceilings[0].accuracy == pytest.approx(214 / 215)


def test_pictures_are_compared_by_their_pixels_and_as_nearly_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(80, 6, 6, 1))
    pictures = np.stack([np.kron(wave[..., 0], np.ones((4, 4))) for wave in waves])
    pictures = np.clip(128 + 50 * pictures, 0, 255).astype(np.uint8)
    targets = np.repeat([0, 1], 40)
    pictures[45] = pictures[2]  # the same in another class
    pictures[46] = np.clip(pictures[5].astype(int) + 15, 0, 255)  # and brighter
    np.savez(tmp_path / "pictures.npz", x_train=pictures, y_train=targets)
    made, rows = audit(open_dataset(Reading(str(tmp_path / "pictures.npz"))))
    findings = {finding.code: finding for finding in made.findings}
    assert {shown.row for shown in findings["contradicting"].shown} == {"x_train[2]", "x_train[45]"}
    near = findings["near"]
    assert {shown.row for shown in near.shown} <= {"x_train[5]", "x_train[46]"}
    assert near.shown[0].note.startswith("like x_train[")
    assert rows.inputs[0].shape[0] == 80

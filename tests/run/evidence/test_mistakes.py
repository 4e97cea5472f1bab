"""Mistakes: which are listed, in which order, and that a spreadsheet can open them without harm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tailtune.profile import ClassProfile
from tailtune.run.evidence.mistakes import (
    SHOWN_CLASSES,
    mistakes_of,
    shown_classes,
    values_of,
    worst_first,
    write_mistakes,
)
from tailtune.run.folder import Answered, Predictions


def predictions(targets: list[int], probabilities: list[list[float]], ids: list[str] | None = None) -> Predictions:
    p = np.array(probabilities)
    names = np.array([str(i) for i in range(len(targets))] if ids is None else ids)
    return Predictions(names, np.array(targets), Answered(p, p.argmax(axis=1)), p, np.full(p.shape[1], 1 / p.shape[1]))


MADE = predictions([1, 1, 0, 1, 0], [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.7, 0.3]], ["=1+1", *"bcde"])
PROFILE = ClassProfile((90, 10), ("no", "=cmd"))


def test_those_whose_own_class_seemed_least_likely_come_first() -> None:
    assert worst_first(MADE, 1).tolist() == [1, 0]
    found, rows = mistakes_of(MADE, PROFILE, 1, 1, pl.DataFrame({"a": list("vwxyz")}))
    assert (found.name, found.rows, found.wrong, rows.tolist()) == ("=cmd", 3, 2, [1])
    (shown,) = found.shown
    assert (shown.id, shown.answer, shown.probability, shown.true_probability) == ("b", "no", 0.9, 0.1)
    assert shown.values == ("w",)


def test_the_file_holds_all_of_them_from_the_rarest_class_on_and_no_formula(tmp_path: Path) -> None:
    write_mistakes(tmp_path, MADE, PROFILE, pl.DataFrame({"=HYPERLINK": ["@x", "-5", "7", "", "+a"]}))
    text = (tmp_path / "mistakes.csv").read_text("utf-8")
    assert text.splitlines() == [
        "id,class,answer,probability,true_probability,column_=HYPERLINK",
        "b,'=cmd,no,0.9,0.1,-5",
        "'=1+1,'=cmd,no,0.6,0.4,'@x",
        "c,no,'=cmd,0.8,0.2,7",
    ]


def test_without_mistakes_the_file_has_its_header_alone(tmp_path: Path) -> None:
    write_mistakes(tmp_path, predictions([0], [[0.9, 0.1]]), PROFILE, pl.DataFrame())
    assert pl.read_csv(tmp_path / "mistakes.csv").shape == (0, 5)
    assert shown_classes(predictions([0], [[0.9, 0.1]]), PROFILE) == []


@given(st.lists(st.integers(1, 200), min_size=2, max_size=40))
def test_of_many_classes_the_rarest_and_the_worst_are_shown(counts: list[int]) -> None:
    k = len(counts)
    rng = np.random.default_rng(len(counts))
    targets = rng.integers(0, k, 300)
    p = rng.dirichlet(np.ones(k), 300)
    made = predictions(targets.tolist(), p.tolist())
    profile = ClassProfile(tuple(counts))
    found = shown_classes(made, profile)
    wrong = {int(c) for c in targets[targets != p.argmax(axis=1)]}
    assert set(found) <= wrong
    assert len(found) == len(set(found)) == min(len(wrong), SHOWN_CLASSES)
    sizes = [counts[c] for c in found]
    assert sizes == sorted(sizes)
    rarest = sorted(wrong, key=lambda c: (counts[c], c))[: SHOWN_CLASSES // 2]
    assert set(rarest) <= set(found)


def test_values_are_text_of_one_line_and_cut() -> None:
    frame = pl.DataFrame({"b": [1.0, 1.5, 2.0], "a": ["y", "x" * 100, None]})
    found = values_of(frame, np.array([1, 2]))
    assert list(found) == ["b", "a"]
    assert found["b"] == ["1.5", "2.0"]
    assert len(found["a"][0]) == 60
    assert found["a"][1] == ""

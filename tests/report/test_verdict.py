from __future__ import annotations

from typing import Any

import pytest

from tailtune.report.verdict import verdict


def system(name: str, label: str, tail: float | None, accuracy: float, balanced: float = 0.7) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "metrics": {"tail_accuracy": tail, "accuracy": accuracy, "balanced_accuracy": balanced, "macro_auprc": 0.6},
        "intervals": {} if tail is None else {"tail_accuracy": [tail - 0.03, tail + 0.03]},
        "per_class": [
            {"name": "common", "train_count": 900, "support": 300},
            {"name": "middling", "train_count": 300, "support": 300},
            {"name": "rare", "train_count": 30, "support": 0 if tail is None else 100},
        ],
    }


def result(tail: float, rows: float, certain: bool = True) -> dict[str, Any]:
    """A model at 80 % and a baseline `tail` and `rows` below it (both figures), told apart or not."""
    rival = system("xgboost", "XGBoost", 0.8 - tail, 0.9 - rows)
    spread = 0.01 if certain else 0.2
    rival["difference"] = {
        key: {"difference": d, "interval": [d - spread, d + spread]}
        for key, d in (("tail_accuracy", tail), ("accuracy", rows), ("macro_auprc", tail))
    }
    return {"systems": [system("tuned", "tuned (mlp)", 0.8, 0.9), rival]}


@pytest.mark.parametrize(
    ("tail", "rows", "standing", "told"),
    [
        (
            0.04,
            0.02,
            "ahead",
            "The model finds 80.0 % of the “rare” cases (95 % interval 77.0 to 83.0 %), 4.0 points more than XGBoost; "
            "the difference is larger than chance would explain, and over all rows the model is right more often, "
            "by 2.0 points.",
        ),
        (0.04, 0.0, "ahead", "while over all rows the two cannot be told apart."),
        (0.04, -0.02, "mixed", "chance would explain, but over all rows XGBoost is right more often, by 2.0 points."),
        (
            -0.04,
            -0.02,
            "behind",
            "; XGBoost finds 4.0 points more and is ahead by more than chance would explain, and over all rows XGBoost "
            "is right more often, by 2.0 points.",
        ),
        (-0.04, 0.02, "mixed", "is ahead by more than chance would explain, but over all rows the model is right"),
        (0.0, 0.0, "level", "; XGBoost finds 80.0 %, and on these test rows the two cannot be told apart, nor over"),
        (0.0, -0.02, "behind", "cannot be told apart, but over all rows XGBoost is right more often, by 2.0 points."),
    ],
)
def test_the_sentence_says_who_is_ahead(tail: float, rows: float, standing: str, told: str) -> None:
    found = verdict(result(tail, rows))
    assert found.standing == standing
    assert told in found.sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert "\n" not in found.sentence


def test_a_difference_within_chance_is_not_claimed() -> None:
    found = verdict(result(0.04, 0.02, certain=False))
    assert found.standing == "level"
    assert "cannot be told apart" in found.sentence
    assert "more than" not in found.sentence


def test_a_trade_is_explained_by_the_ranking() -> None:
    [note] = verdict(result(0.04, -0.02)).notes
    assert "ranks the classes better than XGBoost (macro AUPRC 0.600 against 0.600)" in note


def test_the_strongest_trained_baseline_is_the_rival() -> None:
    found = result(0.04, 0.02)
    found["systems"].append(system("majority", "majority class", 0.0, 0.5, balanced=0.9))
    weak = result(0.3, 0.3)["systems"][1] | {"label": "weak", "metrics": system("x", "x", 0.5, 0.6, 0.2)["metrics"]}
    found["systems"].insert(1, weak)
    assert "more than XGBoost" in verdict(found).sentence


def test_against_the_majority_class_alone() -> None:
    found = result(0.8, 0.3)
    found["systems"][1] |= {"name": "majority", "label": "majority class"}
    assert "where always answering “common” finds none." in verdict(found).sentence
    assert verdict(found).standing == "ahead"


def test_without_a_baseline_nothing_is_compared() -> None:
    found = verdict({"systems": [system("tuned", "tuned", 0.8, 0.9)]})
    assert found.standing == "alone"
    assert found.sentence.endswith("83.0\N{NO-BREAK SPACE}%).")


def test_rare_classes_without_test_rows_are_admitted() -> None:
    found = result(0.1, -0.02)
    found["systems"][0] = system("tuned", "tuned", None, 0.9)
    told = verdict(found).sentence
    assert told.startswith("No test row belongs to the “rare” cases, so nothing is known about them")
    assert told.endswith("over all rows XGBoost is right more often, by 2.0 points.")


def test_few_rare_rows_and_a_dominant_class_are_noted() -> None:
    found = {"systems": [system("tuned", "tuned", 0.8, 0.9)]}
    found["systems"][0]["per_class"][2]["support"] = 10
    found["systems"][0]["per_class"][0]["support"] = 690
    dominant, thin = (note.replace("\N{NO-BREAK SPACE}", " ") for note in verdict(found).notes)
    assert "always answering “common” is right for 69.0 % of the test rows" in dominant
    assert thin == "Only 10 test rows belong to the rare cases, so one row moves the figure by 10.0 %."


def test_a_long_class_name_is_cut() -> None:
    found = {"systems": [system("tuned", "tuned", 0.8, 0.9)]}
    found["systems"][0]["per_class"][2]["name"] = "very " * 100 + "rare"
    assert len(verdict(found).sentence) < 150


@pytest.mark.parametrize(
    ("difference", "spread", "told"),
    [
        (0.1, 0.05, "the model is ahead by more than chance would explain."),
        (-0.1, 0.05, "XGBoost is ahead by more than chance would explain."),
        (0.1, 0.2, "the two cannot be told apart."),
    ],
)
def test_the_metric_of_the_protocol_is_the_first_note(difference: float, spread: float, told: str) -> None:
    found = result(0.04, -0.02) | {"headline": "kappa"}
    for each, value in zip(found["systems"], (0.8, 0.8 - difference), strict=True):
        each["metrics"]["kappa"] = value
        each["intervals"]["kappa"] = [value - 0.03, value + 0.03]
    interval = [difference - spread, difference + spread]
    found["systems"][1]["difference"]["kappa"] = {"difference": difference, "interval": interval}
    note, *others = verdict(found).notes
    assert note == (
        "Published results on this data set are compared by quadratic-weighted kappa: the model reaches 0.800 "
        f"(95 % interval 0.770 to 0.830), XGBoost {0.8 - difference:.3f}; {told}"
    )
    assert others == list(verdict(found | {"headline": None}).notes)


def test_a_metric_of_the_protocol_that_is_undefined_is_not_told() -> None:
    found = result(0.04, -0.02) | {"headline": "auroc"}
    found["systems"][0]["metrics"]["auroc"] = None
    assert verdict(found).notes == verdict(found | {"headline": None}).notes

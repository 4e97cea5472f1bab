from __future__ import annotations

from dataclasses import replace

import pytest
from fabricated_runs import photos

from tailtune.report.run_page.verdict import Verdict
from tailtune.report.run_page.verdict import verdict as judged
from tailtune.run.result import ClassResult, Difference, SystemResult

RESULT = photos(lifts={"tuned": (3.0, 2.0)}).result


def verdict(systems: list[SystemResult], headline: str | None = None) -> Verdict:
    return judged(replace(RESULT, systems=tuple(systems), headline=headline))


def system(name: str, label: str, tail: float | None, accuracy: float, balanced: float = 0.7) -> SystemResult:
    classes = (("common", 900, 300), ("middling", 300, 300), ("rare", 30, 0 if tail is None else 100))
    return replace(
        RESULT.model,
        name=name,
        label=label,
        metrics={"tail_accuracy": tail, "accuracy": accuracy, "balanced_accuracy": balanced, "macro_auprc": 0.6},
        intervals={} if tail is None else {"tail_accuracy": (tail - 0.03, tail + 0.03)},
        per_class=tuple(ClassResult(*each, None, None, None, None, None) for each in classes),
    )


def pair(tail: float, rows: float, certain: bool = True) -> list[SystemResult]:
    """A model at 80 % and a baseline `tail` and `rows` below it (both figures), told apart or not."""
    spread = 0.01 if certain else 0.2
    differences = {"tail_accuracy": tail, "accuracy": rows, "macro_auprc": tail}
    rival = replace(
        system("xgboost", "XGBoost", 0.8 - tail, 0.9 - rows),
        difference={key: Difference(d, (d - spread, d + spread)) for key, d in differences.items()},
    )
    return [system("tuned", "tuned (mlp)", 0.8, 0.9), rival]


def with_class(system: SystemResult, index: int, **changes: object) -> SystemResult:
    classes = [replace(each, **changes) if k == index else each for k, each in enumerate(system.per_class)]
    return replace(system, per_class=tuple(classes))


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
    found = verdict(pair(tail, rows))
    assert found.standing == standing
    assert told in found.sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert "\n" not in found.sentence


def test_a_difference_within_chance_is_not_claimed() -> None:
    found = verdict(pair(0.04, 0.02, certain=False))
    assert found.standing == "level"
    assert "cannot be told apart" in found.sentence
    assert "more than" not in found.sentence


def test_a_trade_is_explained_by_the_ranking() -> None:
    [note] = verdict(pair(0.04, -0.02)).notes
    assert "ranks the classes better than XGBoost (macro AUPRC 0.600 against 0.600)" in note


def test_the_strongest_trained_baseline_is_the_rival() -> None:
    model, rival = pair(0.04, 0.02)
    majority = system("majority", "majority class", 0.0, 0.5, balanced=0.9)
    weak = replace(pair(0.3, 0.3)[1], label="weak", metrics=system("x", "x", 0.5, 0.6, 0.2).metrics)
    assert "more than XGBoost" in verdict([model, weak, rival, majority]).sentence


def test_against_the_majority_class_alone() -> None:
    model, rival = pair(0.8, 0.3)
    found = verdict([model, replace(rival, name="majority", label="majority class")])
    assert "where always answering “common” finds none." in found.sentence
    assert found.standing == "ahead"


def test_a_majority_class_that_is_a_rare_one_finds_it() -> None:
    model, rival = pair(-0.2, 0.3)
    found = verdict([model, replace(rival, name="majority", label="majority class")])
    assert "always answering “common” finds 100.0\N{NO-BREAK SPACE}%." in found.sentence


def test_without_a_baseline_nothing_is_compared() -> None:
    found = verdict([system("tuned", "tuned", 0.8, 0.9)])
    assert found.standing == "alone"
    assert found.sentence.endswith("83.0\N{NO-BREAK SPACE}%).")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (-0.02, "; over all rows XGBoost is right more often, by 2.0 points."),
        (0.02, "; over all rows it is right more often, by 2.0 points."),
        (0.0, "; over all rows it cannot be told apart from XGBoost."),
    ],
)
def test_rare_classes_without_test_rows_are_admitted(rows: float, told: str) -> None:
    model = system("tuned", "tuned", None, 0.9)
    sentence = verdict([model, pair(0.1, rows)[1]]).sentence
    assert sentence.startswith("No test row belongs to the “rare” cases, so nothing is known about them")
    assert sentence.endswith(told)
    assert verdict([model]).sentence.endswith(
        "of the other classes the model recognises 70.0\xa0% of the rows on average."
    )


def test_few_rare_rows_and_a_dominant_class_are_noted() -> None:
    found = with_class(with_class(system("tuned", "tuned", 0.8, 0.9), 2, support=10), 0, support=690)
    dominant, thin = (note.replace("\N{NO-BREAK SPACE}", " ") for note in verdict([found]).notes)
    assert "always answering “common” is right for 69.0 % of the test rows" in dominant
    assert thin == "Only 10 test rows belong to the rare cases, so one row moves the figure by 10.0 %."
    [note] = verdict([with_class(found, 2, support=1)]).notes[1:]
    assert note.startswith("Only 1 test row belongs to the rare cases")


def test_a_long_class_name_is_cut_and_control_characters_reach_no_terminal() -> None:
    model = system("tuned", "tuned", 0.8, 0.9)
    assert len(verdict([with_class(model, 2, name="very " * 100 + "rare")]).sentence) < 150
    assert "\x1b" not in verdict([with_class(model, 2, name="\x1b[31mrare")]).sentence


@pytest.mark.parametrize(
    ("difference", "spread", "told"),
    [
        (0.1, 0.05, "the model is ahead by more than chance would explain."),
        (-0.1, 0.05, "XGBoost is ahead by more than chance would explain."),
        (0.1, 0.2, "the two cannot be told apart."),
    ],
)
def test_the_metric_of_the_protocol_is_the_first_note(difference: float, spread: float, told: str) -> None:
    interval = (difference - spread, difference + spread)
    model, rival = (
        replace(
            each,
            metrics=each.metrics | {"kappa": value},
            intervals=each.intervals | {"kappa": (value - 0.03, value + 0.03)},
        )
        for each, value in zip(pair(0.04, -0.02), (0.8, 0.8 - difference), strict=True)
    )
    rival = replace(rival, difference=rival.difference | {"kappa": Difference(difference, interval)})
    note, *others = verdict([model, rival], "kappa").notes
    assert note == (
        "Published results on this data set are compared by quadratic-weighted kappa: the model reaches 0.800 "
        f"(95 % interval 0.770 to 0.830), XGBoost {0.8 - difference:.3f}; {told}"
    )
    assert others == list(verdict([model, rival]).notes)
    assert verdict([model], "kappa").notes[0].endswith("the model reaches 0.800 (95 % interval 0.770 to 0.830).")


def test_a_metric_of_the_protocol_that_is_undefined_is_not_told() -> None:
    model, rival = pair(0.04, -0.02)
    model = replace(model, metrics=model.metrics | {"auroc": None})
    assert verdict([model, rival], "auroc").notes == verdict([model, rival]).notes

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from constructed_runs import CASES
from fabricated_runs import Made, adult, photos

from tailtune.evaluation.bootstrap import Difference
from tailtune.report.run_page.verdict import Verdict, strongest
from tailtune.report.run_page.verdict import verdict as judged
from tailtune.run.result import Result, SystemResult


@cache
def made(name: str) -> Result:
    """A constructed run, made once."""
    cases: dict[str, Callable[[], Made]] = {**CASES, "photos": photos, "adult": adult}
    return cases[name]().result


def told(result: Result) -> Verdict:
    """The verdict, with plain spaces."""
    found = judged(result)

    def plain(text: str) -> str:
        return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")

    clauses, notes = (tuple(map(plain, texts)) for texts in (found.clauses, found.notes))
    return replace(found, sentence=plain(found.sentence), clauses=clauses, notes=notes)


def test_the_same_ranking_at_another_threshold_is_the_same_quality() -> None:
    found = told(made("same ranking, another threshold"))
    assert found.standing == "level"
    assert found.sentence == (
        "The model and XGBoost are of the same quality as far as 2 000 test rows can tell: average precision of “left” "
        "0.654 against 0.654 (95 % interval of the difference 0.000 to 0.000), log loss 0.184 against 0.184 "
        "(difference 0.000 to 0.000)."
    )
    decided, same = found.clauses
    assert decided == (
        "Its answers, taken for macro F1, find 149 of the 200 test rows of “left” and miss 51, with 139 false alarms "
        "(recall 74.5 %, precision 51.7 %). Against the likeliest class of the same scores, this decision trades 56 "
        "missed for 103 false alarms."
    )
    assert same.startswith("At the same 288 alarms the model finds 149 and XGBoost 149 of the 200 (recall 74.5 %")
    assert "cannot be told apart" in same
    assert "better" not in found.sentence + decided + same


def test_a_better_ranking_is_better_whatever_the_threshold() -> None:
    result = made("better ranking, worse threshold")
    model, rival = result.systems[:2]
    assert (model.metrics["tail_accuracy"] or 0) < (rival.metrics["tail_accuracy"] or 0)
    found = told(result)
    assert found.standing == "ahead"
    assert found.sentence.startswith("The model is better than XGBoost by average precision of “left” (0.826 against")
    assert " and by log loss (0.125 against 0.207; difference −0." in found.sentence
    assert "this decision trades 23 false alarms for 45 missed." in found.clauses[0]
    assert "finds 94 and XGBoost 70 of the 200" in found.clauses[1]
    assert "cannot be told apart" not in found.clauses[1]


def test_a_better_baseline_is_said_to_be_better() -> None:
    found = told(made("XGBoost ahead"))
    assert found.standing == "behind"
    assert found.sentence.startswith("The model is worse than XGBoost by average precision of “left” (0.501 against")
    assert "by log loss (0.226 against 0.144; difference +0." in found.sentence
    assert "finds 124 and XGBoost 167 of the 200" in found.clauses[1]


def test_too_few_rows_tell_nothing() -> None:
    found = told(made("too few rows"))
    assert found.standing == "level"
    assert found.sentence.startswith("120 test rows, 12 of them of “left”, are too few to tell the model from XGBoost:")
    assert found.notes[-1] == "Only 12 test rows belong to the rare cases, so one row moves the figure by 8.3 %."


def test_a_model_that_has_learnt_nothing_is_called_so() -> None:
    found = told(made("nothing learnt"))
    assert found.standing == "nothing"
    assert found.sentence.startswith("The model has learnt nothing yet: its log loss of 0.3")
    assert "is not surely below the 0.325 of always answering with the class frequencies" in found.sentence
    assert "it ranks rows no better than chance does (AUROC 0." in found.sentence
    assert found.sentence.endswith("; XGBoost has average precision of “left” 0.646 and log loss 0.185.")


def test_several_rare_classes_are_counted_with_their_own_class() -> None:
    found = told(made("photos"))
    assert found.standing == "ahead"
    assert "by average precision of the 2 rarest classes (" in found.sentence
    assert " of the 37 test rows of the 2 rarest classes, 10 with their own class, and miss 25" in found.clauses[0]


def with_differences(**intervals: tuple[float, float]) -> Result:
    """The fabricated table, its differences from XGBoost replaced."""
    result = made("adult")
    model, rival, *others = result.systems
    changed = {key: Difference(sum(each) / 2, each) for key, each in intervals.items()}
    rival = replace(rival, difference=rival.difference | changed)
    return replace(result, systems=(model, rival, *others))


@pytest.mark.parametrize(
    ("area", "loss", "standing", "words"),
    [
        ((0.1, 0.2), (-0.2, 0.1), "ahead", "; by log loss the two cannot be told apart ("),
        ((-0.1, 0.2), (-0.2, -0.1), "ahead", "is better than XGBoost by log loss ("),
        ((0.1, 0.2), (0.1, 0.2), "mixed", "), and worse by log loss ("),
        ((-0.2, -0.1), (-0.2, -0.1), "mixed", "is better than XGBoost by log loss ("),
        ((-0.2, -0.1), (-0.1, 0.1), "behind", "is worse than XGBoost by average precision of “>50K” ("),
        ((-0.1, 0.1), (-0.1, 0.1), "level", "are of the same quality as far as 4 071 test rows can tell"),
    ],
)
def test_better_needs_a_difference_that_no_threshold_moves(
    area: tuple[float, float], loss: tuple[float, float], standing: str, words: str
) -> None:
    found = told(with_differences(auprc=area, log_loss=loss, tail_accuracy=(0.3, 0.4), accuracy=(0.1, 0.2)))
    assert found.standing == standing
    assert words in found.sentence
    assert "\n" not in found.sentence


def scored(name: str, area: float, loss: float) -> SystemResult:
    system = made("adult").systems[1]
    return replace(system, name=name, metrics=system.metrics | {"auprc": area, "log_loss": loss})


def test_the_strongest_trained_baseline_ranks_best_and_then_has_the_lowest_log_loss() -> None:
    weak, first, second = scored("a", 0.5, 0.1), scored("b", 0.7, 0.3), scored("c", 0.7, 0.2)
    assert strongest((weak, first, second, scored("majority", 0.9, 0.0))) == second
    assert strongest((scored("majority", 0.9, 0.0),)) is None


def test_without_a_trained_baseline_a_guess_stands_beside_it() -> None:
    result = made("adult")
    found = told(replace(result, systems=(result.systems[0], result.systems[2])))
    assert found.standing == "alone"
    assert "where a guess has 0.236" in found.sentence
    assert "where always answering with the class frequencies has 0.5" in found.sentence
    assert found.sentence.endswith("; no trained baseline stands beside it.")
    assert len(found.clauses) == 1


def test_scores_taken_as_they_come_are_said_to_be() -> None:
    result = made("adult")
    found = told(replace(result, decision=replace(result.decision, mode="none")))
    assert found.clauses[0].startswith(
        "Its answers, the likeliest class of the scores as they come, find 810 of the 962"
    )
    assert "trades" not in found.clauses[0]


def test_rare_classes_without_test_rows_are_admitted() -> None:
    found = told(photos(test=(50, 40, 30, 20, 10, 9, 8, 7, 0, 0)).result)
    assert found.sentence.startswith("No test row belongs to the 2 rarest classes, so nothing is known about them. ")
    assert "average precision" not in found.sentence
    assert "log loss 1.301 against 1.271 (" in found.sentence
    assert found.clauses == ()


def test_a_long_class_name_is_cut_and_control_characters_reach_no_terminal() -> None:
    result = made("adult")

    def named(name: str) -> str:
        model, *others = result.systems
        model = replace(model, per_class=(model.per_class[0], replace(model.per_class[1], name=name)))
        return judged(replace(result, systems=(model, *others))).sentence

    assert len(named("very " * 100 + "rare")) < 300
    assert "\x1b" not in named("\x1b[31mrare")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.05, 0.15), "the model is ahead by more than chance would explain."),
        ((-0.15, -0.05), "XGBoost is ahead by more than chance would explain."),
        ((-0.1, 0.3), "the two cannot be told apart."),
    ],
)
def test_the_metric_of_the_protocol_is_the_first_note(interval: tuple[float, float], words: str) -> None:
    result = replace(with_differences(accuracy=interval), headline="accuracy")
    note, *others = told(result).notes
    assert note.startswith(
        "Published results on this data set are compared by accuracy: the model reaches 92.3 % (95 %"
    )
    assert note.endswith(words)
    assert tuple(others) == told(made("adult")).notes
    alone = told(replace(result, systems=result.systems[:1])).notes[0]
    assert "XGBoost" not in alone
    model = replace(result.model, metrics=result.model.metrics | {"accuracy": None})
    assert told(replace(result, systems=(model, *result.systems[1:]))).notes == tuple(others)

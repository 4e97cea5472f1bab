"""Questions of which is better: arms are chosen on validation rows and told apart on test rows, over the same seeds.

The figure is balanced accuracy, by answers that take the class priors off: every class weighs alike, so that no arm is
ahead only because it leans to the frequent ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.paper.classes import cell
from tailtune.paper.page import Table
from tailtune.questions.balances import Scores, over_classes, scores_of_test, scores_of_validation
from tailtune.questions.forest import Line, forest
from tailtune.questions.question import Answer, Base, Question, Row, short_name
from tailtune.run.finished import Finished
from tailtune.study.paired import Paired, paired_t
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study
from tailtune.words import points

LIMITS = (
    "The best is chosen on validation rows and compared with the reference on test rows; the other differences are "
    "shown, not chosen from.",
    "Intervals are over seeds: of new trainings, and of new rows as far as a seed draws other ones (--vary both).",
    "Everything that is not compared is as the recipe has it for the reference: another learning rate or length of "
    "training may suit another arm better.",
)
CAPTION = "Differences on test rows over paired seeds: grey dots are seeds, bars 95 % intervals."
VALIDATION, TEST, RARE = "validation_balanced_accuracy", "test_balanced_accuracy", "test_tail_accuracy"


def plain_question(name: str, asked: Question) -> Question:
    """Return a question of choice, which has its own objective.

    Raises:
        TailtuneError: another objective is asked for.
    """
    if asked.objective not in (None, "balanced_accuracy"):
        raise TailtuneError(
            f"tailtune study {name} is about balanced accuracy; leave --objective {asked.objective} out"
        )
    return replace(asked, objective="balanced_accuracy")


def study_of_arms(base: Base, arms: Sequence[Arm], reference: str) -> Study:
    """Return the study of arms that are compared with `reference`."""
    return base.asked.study(arms, baseline=reference, decision="prior")


def choice_rows(folder: Path, result: StudyResult) -> list[Row]:
    """Return a row a training: balanced accuracy on validation and on test rows, and that of the rarest classes."""
    found: list[Row] = []
    for row in result.rows:
        run = Finished(folder / str(row["folder"]))
        test, held = scores_of_test(run.predictions), scores_of_validation(run.predictions)
        recalls = _recalls(test)
        tail = recalls[run.result.data.profile.tail]
        found.append(
            {
                "dataset": row["dataset"],
                "arm": row["arm"],
                "reference": row["arm"] == result.statistics.baseline,
                "seed": row["seed"],
                VALIDATION: None if held is None else _balanced(_recalls(held)),
                TEST: _balanced(recalls),
                RARE: None if np.isnan(tail).all() else float(np.nanmean(tail)),
                "seconds": row["seconds"],
            }
        )
    return found


def _recalls(scores: Scores) -> np.ndarray:
    return scores.recalls(scores.at(np.full(len(scores.implied), 1 / len(scores.implied))))


def _balanced(recalls: np.ndarray) -> float:
    return over_classes(recalls, np.ones(len(recalls)))


def choice_answer(rows: Sequence[Row], name: str, title: str, call: Callable[[str], str]) -> Answer:
    """Return which arm the validation rows prefer, and how far it is from the reference on test rows.

    Args:
        rows: see `choice_rows`.
        name: for ids of the figure.
        title: of the figure.
        call: what an arm is called in a sentence.
    """
    arms = list(dict.fromkeys(str(row["arm"]) for row in rows))
    reference = next((str(row["arm"]) for row in rows if row["reference"]), None)
    if reference is None:
        return Answer("The data cannot tell yet: the arm that others are compared with is not trained.", (), {})
    means = {arm: _mean(rows, arm, VALIDATION) for arm in arms}
    best = max(arms, key=lambda arm: (means[arm], arm == reference))
    apart = {arm: _difference(rows, arm, reference, TEST) for arm in arms}
    sentence = _sentence(rows, best, reference, apart, call)
    lines = [
        (
            arm + (" (reference)" if arm == reference else "") + (" (chosen)" if arm == best else ""),
            *(cell(_values(rows, arm, figure)) for figure in (VALIDATION, TEST, RARE)),
            "–" if arm == reference else _in_points(apart[arm]),
            cell(_values(rows, arm, "seconds"), factor=1.0),
        )
        for arm in arms
    ]
    table = Table(
        "Balanced accuracy in per cent with the class priors off, mean ± standard error over seeds, on validation "
        "rows, on test rows, and of the rarest fifth of the classes on test rows; then the difference from the "
        "reference in points on test rows with its 95 % interval over paired seeds, not widened for their number.",
        ("", "validation", "test", "rarest classes", "from the reference", "seconds"),
        tuple(lines),
    )
    drawn = [Line(arm, apart[arm]) for arm in arms if arm != reference]
    figures = {name: forest(drawn, name, title, f"points of balanced accuracy over {call(reference)}")}
    return Answer(sentence, (table,), figures if drawn else {})


def _sentence(
    rows: Sequence[Row], best: str, reference: str, apart: dict[str, Paired], call: Callable[[str], str]
) -> str:
    data = short_name(rows[0]["dataset"])
    if best == reference:
        others = sorted((arm for arm in apart if arm != reference), key=lambda arm: -(apart[arm].mean or 0.0))
        beside = f" ({call(others[0])} on test rows: {_told(apart[others[0]])})" if others else ""
        return f"On {data} stay with {call(reference)}: nothing was better on validation rows{beside}."
    found = apart[best]
    if found.interval is None or found.interval[0] <= 0 <= found.interval[1]:
        return (
            f"The data cannot tell {call(best)}, the best on validation rows of {data}, from {call(reference)}: "
            f"{_told(found)} on test rows."
        )
    if found.interval[0] > 0:
        return (
            f"On {data} take {call(best)} rather than {call(reference)}: chosen on validation rows, {_told(found)} on "
            "test rows."
        )
    return (
        f"On {data} stay with {call(reference)}: against it {call(best)}, the best on validation rows, had "
        f"{_told(found)} on test rows."
    )


def _told(found: Paired) -> str:
    return f"{_in_points(found)} points of balanced accuracy"


def _in_points(found: Paired) -> str:
    """Write a difference of shares in points with its interval."""
    if found.mean is None:
        return "–"
    mean = points(found.mean, "+")
    if found.interval is None:
        return f"{mean} (no interval: {'one seed' if found.n == 1 else 'every seed gave the same'})"
    low, high = (points(end, "+") for end in found.interval)
    return f"{mean} [{low}, {high}]"


def _values(rows: Sequence[Row], arm: str, figure: str) -> list[float]:
    return [float(row[figure]) for row in rows if row["arm"] == arm and row[figure] is not None]


def _mean(rows: Sequence[Row], arm: str, figure: str) -> float:
    values = _values(rows, arm, figure)
    return float(np.mean(values)) if values else -np.inf


def _difference(rows: Sequence[Row], arm: str, reference: str, figure: str) -> Paired:
    one, other = ({row["seed"]: float(row[figure]) for row in rows if row["arm"] == name} for name in (arm, reference))
    seeds = sorted(one.keys() & other.keys())
    return paired_t([one[seed] for seed in seeds], [other[seed] for seed in seeds])

"""Operating points: what answers of the same model, taken for one objective or another, find and get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tailtune.decision.answers import Budget
from tailtune.decision.objective import read_objective
from tailtune.decision.recalibration import Recalibration
from tailtune.decision.use import Asked, fit_answer
from tailtune.evaluation.alarms import count_alarms
from tailtune.evaluation.measures.accuracy import accuracy
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.evaluation.measures.macro_f1 import macro_f1
from tailtune.evaluation.scored import Scored
from tailtune.profile import ClassProfile, Floats, Indices
from tailtune.run.folder import Predictions

RULES = {"accuracy": "the likeliest class", "macro_f1": "macro F1", "balanced_accuracy": "balanced accuracy"}
ANSWERED_AS = {"log_loss": "accuracy", "auprc": "macro_f1"}  # objectives of probabilities take answers for these
MOST_SEARCHED = 20  # classes for which answers for macro F1 are searched although nobody asked: time grows with K^2


@dataclass(frozen=True)
class OperatingPoint:
    """The model on the test rows with answers taken for an objective; alarms are answers of the rarest classes.

    Attributes:
        rule: the objective; "scores" for the likeliest class of the scores as they come.
        words: the same as a table names it.
        chosen: whether these are the answers of the run.
        alarms: rows that were given one of the rarest classes.
        found: rows of the rarest classes among them.
        missed: rows of the rarest classes that are not.
        false_alarms: alarms at rows of other classes.
        precision: share of the alarms that found such a row; None without alarms.
        accuracy: of all answers.
        balanced_accuracy: of all answers.
        macro_f1: of all answers.
        cost: mean cost of an answer, where the objective is a cost.
        precision_in_use: precision at the balance in use, where one was stated; None without alarms.
        cost_in_use: likewise the mean cost.
    """

    rule: str
    words: str
    chosen: bool
    alarms: int
    found: int
    missed: int
    false_alarms: int
    precision: float | None
    accuracy: float | None
    balanced_accuracy: float | None
    macro_f1: float | None
    cost: float | None
    precision_in_use: float | None = None
    cost_in_use: float | None = None


def operating_points(
    asked: Asked, recalibration: Recalibration, profile: ClassProfile, made: Predictions, budget: int | None = None
) -> tuple[OperatingPoint, ...]:
    """Return the same model at several objectives, all fitted as the run's own was; nothing is trained.

    Args:
        asked: what the run wants of its model's scores.
        recalibration: from these to probabilities in use.
        profile: class distribution of the training rows.
        made: scores and answers.
        budget: how many cases can be looked at, for a point of as many alarms as that, where it is not the objective.
    """
    costs = None if asked.costs is None else asked.costs.of(made.targets, made.amounts)
    weights = weights_in_use(asked, made.targets, recalibration.deployment)

    def point(rule: str, words: str, answers: Indices, chosen: bool) -> OperatingPoint:
        rows = Scored(made.targets, made.scores, profile, answers, made.weights)
        counted = count_alarms(rows.confusion, profile.tail)
        return OperatingPoint(
            rule=rule,
            words=words,
            chosen=chosen,
            alarms=counted.alarms,
            found=counted.found,
            missed=counted.missed,
            false_alarms=counted.false,
            precision=counted.precision,
            accuracy=accuracy.value(rows),
            balanced_accuracy=balanced_accuracy.value(rows),
            macro_f1=macro_f1.value(rows),
            cost=None if costs is None else float(costs[np.arange(len(answers)), answers].mean()),
            precision_in_use=None if weights is None else _precision(rows, weights),
            cost_in_use=None
            if costs is None or weights is None
            else float(np.average(costs[np.arange(len(answers)), answers], weights=weights)),
        )

    own = asked.mode == "none"
    as_scored = point("scores", "the likeliest class, scores as they come", made.scores.argmax(axis=1), own)
    ruled = [] if own else [point(*each) for each in _ruled(asked, recalibration, profile, made)]
    if budget is not None and not (asked.objective.name == "precision@budget" and asked.objective.number == budget):
        objective = read_objective(f"precision@budget={budget}")
        likeliest = Budget(int(profile.tail[-1]), budget)(recalibration(made.scores))
        ruled.append(point(objective.text, objective.words, likeliest, False))
    return (as_scored, *ruled)


def weights_in_use(asked: Asked, targets: Indices, deployment: Floats) -> Floats | None:
    """Weights [N] of test rows that give their classes the balance in use [K]; None where nobody stated one, or where
    a class that it speaks of has no rows.
    """
    counts = np.bincount(targets, minlength=len(deployment))
    if asked.stated != "asked" or (counts == 0).any():
        return None
    return np.asarray((deployment / counts)[targets] * len(targets))


def _precision(rows: Scored, weights: Floats) -> float | None:
    alarms = np.isin(rows.predicted, rows.profile.tail)
    found = alarms & np.isin(rows.targets, rows.profile.tail)
    return float(weights[found].sum() / weights[alarms].sum()) if alarms.any() else None


def _ruled(
    asked: Asked, recalibration: Recalibration, profile: ClassProfile, made: Predictions
) -> Iterator[tuple[str, str, Indices, bool]]:
    """Each objective with its words, its answers, and whether it is the run's."""
    objective = asked.objective
    chosen = ANSWERED_AS.get(objective.name, objective.text)
    probabilities = recalibration(made.scores)
    for rule, words in RULES.items():
        if rule == chosen:
            yield objective.text, words, made.model.answers, True
        elif rule != "macro_f1" or profile.num_classes <= MOST_SEARCHED:
            other = replace(asked, objective=read_objective(rule))
            answer, _ = fit_answer(other, recalibration, profile, made.held_out)
            yield rule, words, answer(probabilities, made.amounts), False
    if chosen not in RULES:
        yield objective.text, objective.words, np.asarray(made.model.answers), True

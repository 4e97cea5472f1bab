"""`Use`: what is made of a model's scores where it is used, calibrated probabilities and answers, and fitting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import Amounts
from tailtune.data.dataset import Part
from tailtune.decision.answers import Answer, Budget, LeastCost, Score, Threshold, best_weights, likeliest, weighing
from tailtune.decision.calibrate import ROWS_TO_MOVE, Form, calibrate, importance
from tailtune.decision.costs import Costs
from tailtune.decision.macro_f1_weights import weights_for_macro_f1
from tailtune.decision.objective import Objective
from tailtune.decision.recalibration import Recalibration, unfitted
from tailtune.profile import ClassProfile, Floats
from tailtune.settings import Mode
from tailtune.words import quoted

Indices = NDArray[np.int64]

SEARCHED = ("macro_f1", "auprc", "own")  # objectives whose answers follow from class weights that are searched
ROWS = 30  # held-out rows, at least, before anything is fitted on them


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of rows that the model was not trained on.

    Attributes:
        probabilities: of the model, before anything is made of them [N, K].
        targets: class indices [N].
        amounts: of the rows, where costs depend on them.
        groups: what each row belongs to [N], where rows are not on their own.
        weights: of each row [N], where they do not count alike.
        folds: for each row the fold [N] whose models did not see it; None where one model saw none of them.
    """

    probabilities: Floats
    targets: Indices
    amounts: Amounts | None = None
    groups: NDArray[np.str_] | None = None
    weights: Floats | None = None
    folds: Indices | None = None

    @classmethod
    def of(cls, probabilities: Floats, part: Part) -> HeldOut:
        """Return the scores of a part of a data set."""
        weights = None if part.weights is None else part.weights.numpy().astype(np.float64)
        return cls(probabilities, part.targets.numpy(), part.amounts, part.groups, weights)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is wanted of a model's scores.

    Attributes:
        objective: what the answers are chosen for.
        deployment: class balance in use [K]; None for that of the training rows.
        mode: "none" leaves probabilities as they are and answers the likeliest class; "prior" moves probabilities to
            the balance in use and takes the answers that follow from them; "fitted" also calibrates them, and finds
            what does not follow from them, on held-out rows.
        costs: of each answer by the true class, for the objective "cost".
        score: of answers, for an objective of the user's own.
        stated: who says which balance is in use: nobody, so that it is that of the training rows ("train"), the
            protocol of the data set ("protocol"), or the user ("asked").
    """

    objective: Objective
    deployment: Floats | None = None
    mode: Mode = "fitted"
    costs: Costs | None = None
    score: Score | None = None
    stated: Literal["train", "protocol", "asked"] = "train"


@dataclass(frozen=True, eq=False)
class Use:
    """What was fitted.

    Attributes:
        recalibration: from the model's probabilities to those in use.
        answer: from these to answers.
        form: how the probabilities were calibrated.
        rows: held-out rows that this rests on; 0 where nothing was fitted.
        notes: a sentence each on what could not be fitted.
    """

    recalibration: Recalibration
    answer: Answer
    form: Form
    rows: int
    notes: tuple[str, ...] = ()


def fit_use(asked: Asked, implied: Floats, profile: ClassProfile, held_out: HeldOut | None) -> Use:
    """Fit the probabilities and the answers in use.

    Args:
        asked: what is wanted.
        implied: class balance [K] that the model was trained under.
        profile: class distribution of the training rows.
        held_out: scores of rows that the model was not trained on; None, or fewer than 30 rows, leaves everything at
            the value that it has without looking (no temperature, tau 1), which is said.
    """
    k = profile.num_classes
    if asked.mode == "none":
        as_it_is = unfitted(implied, profile)
        return Use(replace(as_it_is, implied=as_it_is.train), likeliest(k), "none", 0)
    start = unfitted(implied, profile, asked.deployment)
    if asked.mode == "prior":
        return Use(start, fit_answer(asked, start, profile, held_out)[0], "none", 0)
    if held_out is None or len(held_out.targets) < ROWS:
        found = "there are none" if held_out is None else f"there are {len(held_out.targets)}"
        note = f"Nothing was fitted to held-out rows, of which it takes {ROWS} or more ({found})."
        return Use(start, fit_answer(asked, start, profile, held_out)[0], "none", 0, (note,))
    calibrated = calibrate(
        start, held_out.probabilities, held_out.targets, groups=held_out.groups, weights=held_out.weights
    )
    answer, notes = fit_answer(asked, calibrated.recalibration, profile, held_out)
    return Use(calibrated.recalibration, answer, calibrated.form, len(held_out.targets), notes)


def fit_answer(
    asked: Asked, recalibration: Recalibration, profile: ClassProfile, held_out: HeldOut | None
) -> tuple[Answer, tuple[str, ...]]:
    """Fit the answers alone, to probabilities that have been fitted already.

    Args:
        asked: what is wanted; its mode is not "none".
        recalibration: from the model's probabilities to those in use.
        profile: class distribution of the training rows.
        held_out: as for `fit_use`.

    Returns:
        The answers, and a sentence each on what could not be fitted.
    """
    if asked.mode == "prior" or held_out is None or len(held_out.targets) < ROWS:
        return _answer_of_balance(asked, recalibration.deployment, profile), ()
    counts = np.bincount(held_out.targets, minlength=profile.num_classes)
    moved = not np.allclose(recalibration.deployment, recalibration.train)
    if moved and counts.min() < ROWS_TO_MOVE and asked.objective.name in SEARCHED:
        few = profile.names[int(counts.argmin())]
        note = (
            f"Answers for {asked.objective.words} are not searched at another balance than the validation rows have: "
            f"{quoted(few)} has {counts.min()} of these, and it takes {ROWS_TO_MOVE} of each class."
        )
        return _answer_of_balance(asked, recalibration.deployment, profile), (note,)
    probabilities = recalibration(held_out.probabilities)
    return _fitted_answer(asked, profile, recalibration.deployment, probabilities, held_out)


def _answer_of_balance(asked: Asked, deployment: Floats, profile: ClassProfile) -> Answer:
    """The answer that the probabilities alone give; the likeliest class where an objective needs held-out rows."""
    k, name = len(deployment), asked.objective.name
    if name == "balanced_accuracy":
        return weighing(1 / deployment)
    if name == "cost" and asked.costs is not None:
        return LeastCost(asked.costs)
    if name == "precision@budget":
        return Budget(int(profile.tail[-1]), asked.objective.number)
    return likeliest(k)


def _fitted_answer(
    asked: Asked, profile: ClassProfile, deployment: Floats, probabilities: Floats, held_out: HeldOut
) -> tuple[Answer, tuple[str, ...]]:
    k, name, targets = profile.num_classes, asked.objective.name, held_out.targets
    rare, weights = int(profile.tail[-1]), importance(targets, deployment, held_out.weights)
    if name == "precision@budget":
        return Budget(rare, asked.objective.number), ()
    if name == "recall@precision":
        return _at_precision(profile.names[rare], rare, asked.objective.number, probabilities, targets, weights)
    if name in ("macro_f1", "auprc"):
        return weighing(weights_for_macro_f1(probabilities, weights)), ()
    if name == "own" and asked.score is not None:
        return weighing(best_weights(asked.score, probabilities, targets, weights, np.ones(k))), ()
    return _answer_of_balance(asked, deployment, profile), ()


def _at_precision(
    name: str, rare: int, precision: float, probabilities: Floats, targets: Indices, weights: Floats
) -> tuple[Answer, tuple[str, ...]]:
    """The lowest threshold at which the answers are as precise as asked; the most precise one where none is."""
    order = np.argsort(-probabilities[:, rare], kind="stable")
    scores, drawn = probabilities[order, rare], weights[order]
    found = np.cumsum(drawn * (targets[order] == rare))
    reached = found / np.cumsum(drawn)
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # rows of one score are answered alike
    enough = last[reached[last] >= precision]
    if len(enough):
        return Threshold(rare, float(scores[enough[-1]])), ()
    best = int(last[reached[last].argmax()])
    note = (
        f"No threshold finds {name!r} with a precision of {precision:g} on the {len(targets)} held-out rows; the most "
        f"precise one has {reached[best]:.2f}."
    )
    return Threshold(rare, float(scores[best])), (note,)

"""What is made of a trained model's scores where it is used, by what the run asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.decision.answers import Score
from tailtune.decision.calibrate import Form
from tailtune.decision.costs import Cell, read_costs
from tailtune.decision.decision import Decision, FitDecision
from tailtune.decision.deployment import read_deployment
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, Use, fit_use
from tailtune.evaluation.own_measures import own_measures, try_out
from tailtune.evaluation.scored import scored
from tailtune.profile import ClassProfile, Floats
from tailtune.run.predictor import Predictor
from tailtune.settings import Run


@dataclass(frozen=True)
class Decided:
    """What a run made of its model's scores, for the record.

    Attributes:
        objective: what the answers were chosen for, as it is asked for.
        words: the same as a sentence names it.
        mode: none, prior or fitted.
        deployment: class balance [K] that the probabilities are meant for.
        stated: whether that is the balance of the training rows ("train"), what the data set's protocol tests on
            ("protocol"), or what the run asked for ("asked").
        form: how the probabilities were calibrated.
        temperature: T, where one number was found for all classes; 1 where none was sought.
        tau: strength of the correction of the training balance.
        rows: validation rows that this rests on.
        notes: a sentence each on what could not be fitted.
        costs: [K, K], of each answer (column) by the true class (row), where the objective is a cost; see
            `tailtune.decision.costs.Costs`.
    """

    objective: str
    words: str
    mode: str
    deployment: tuple[float, ...]
    stated: str
    form: Form
    temperature: float | None
    tau: float
    rows: int
    notes: tuple[str, ...]
    costs: tuple[tuple[Cell, ...], ...] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of the rows that a model was trained on.

    Attributes:
        profile: class distribution of the training rows from which validation rows were held out.
        final: that of the rows which the final model was trained on: after a refit, validation rows are among them.
    """

    profile: ClassProfile
    final: ClassProfile


def rows_of(run: Run, dataset: Dataset) -> Rows:
    """Return what is known of the rows of `dataset` where `run` trains on it."""
    final = dataset.profile
    if run.selection == "refit" and dataset.val is not None:
        final = dataset.profile_of(dataset.train.joined(dataset.val))
    return Rows(dataset.profile, final)


def amount_columns(*objectives: str | None) -> tuple[str, ...]:
    """Return the columns of the table that the costs of these objectives depend on.

    Raises:
        TailtuneError: an objective or costs that cannot be read.
    """
    files = [read_objective(text).file for text in objectives if text is not None]
    return tuple(dict.fromkeys(name for file in files if file for name in read_costs(file).columns))


def asked_of(run: Run, profile: ClassProfile, protocol: tuple[float, ...] | None) -> Asked:
    """Return what a run wants of its model's scores.

    By default answers are chosen for macro F1; where the protocol tests on another balance than that of training, for
    balanced accuracy.

    Raises:
        TailtuneError: an objective, costs or a balance that cannot be read.
    """
    objective = read_objective(run.objective or ("macro_f1" if protocol is None else "balanced_accuracy"))
    costs = read_costs(objective.file, profile.names) if objective.name == "cost" else None
    score = _own_score(objective.text, profile) if objective.name == "own" else None
    asked = Asked(objective, None, run.decision, costs, score)
    if run.deploy_prior not in (None, "train"):
        return replace(asked, deployment=read_deployment(str(run.deploy_prior), profile), stated="asked")
    if run.deploy_prior is None and protocol is not None:
        return replace(asked, deployment=np.asarray(protocol), stated="protocol")
    return asked


def decide(asked: Asked, rows: Rows, implied: Floats, held_out: HeldOut | None) -> tuple[Use, Decided]:
    """Fit the probabilities and the answers that a run asks for.

    Args:
        asked: what it wants of its model's scores.
        rows: which the model was trained on.
        implied: class balance [K] that the scores belong to.
        held_out: scores of the validation rows, or None.

    Returns:
        What is made of the scores of the final model, and the record of it.
    """
    use = fit_use(asked, implied, rows.profile, held_out)
    if rows.final is not rows.profile:
        use = replace(use, recalibration=use.recalibration.trained_on(rows.final))
    recalibration = use.recalibration
    one = bool(np.ptp(recalibration.scale) == 0)
    return use, Decided(
        objective=asked.objective.text,
        words=asked.objective.words,
        mode=asked.mode,
        deployment=tuple(recalibration.deployment.tolist()),
        stated=asked.stated,
        form=use.form,
        temperature=float(1 / recalibration.scale[0]) if one else None,
        tau=recalibration.tau,
        rows=use.rows,
        notes=use.notes,
        costs=None if asked.costs is None else asked.costs.cells,
    )


def in_use(predictor: Predictor, use: Use) -> Predictor:
    """Return the predictor with what was fitted."""
    return replace(predictor, recalibration=use.recalibration, answer=use.answer)


def fit_method_decision(
    fit: FitDecision | None, profile: ClassProfile, held_out: HeldOut | None
) -> tuple[Decision | None, HeldOut | None]:
    """Fit the decision that is part of a method, and return it with the scores of the validation rows after it."""
    if fit is None:
        return None, held_out
    if held_out is None:
        return fit(None, None, profile), None
    decision = fit(held_out.probabilities, held_out.targets, profile)
    return decision, replace(held_out, probabilities=decision(held_out.probabilities))


def _own_score(text: str, profile: ClassProfile) -> Score:
    """A person's measure as a function of answers; rows of other weights than 1 are drawn anew in proportion."""
    (measure,) = own_measures([text])
    try_out([measure], np.repeat(np.arange(profile.num_classes), profile.counts), profile)
    sign = 1.0 if measure.higher_is_better else -1.0

    def score(targets: np.ndarray, answers: np.ndarray, weights: np.ndarray) -> float:
        rows = np.random.default_rng(0).choice(len(targets), len(targets), p=weights / weights.sum())
        certain = np.eye(profile.num_classes)[answers[rows]]
        value = measure.value(scored(targets[rows], certain, profile))
        return -np.inf if value is None else sign * value

    return score

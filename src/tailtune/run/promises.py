"""What can be promised of single answers: sets that hold the true class, and leaving rows without an answer.

Both are found on validation rows, as ``predict --sets`` and ``--abstain-error`` do it, and tried on the test rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.abstention import fit_abstention
from tailtune.decision.conformal import fit_conformal, rows_needed
from tailtune.decision.cross_conformal import fit_cross_conformal
from tailtune.decision.use import HeldOut
from tailtune.profile import ClassProfile, Floats, Indices
from tailtune.run.folder import Predictions
from tailtune.run.predictor import Predictor

ScoredBy = Literal["model", "first", "folds"]
COVERAGE = 0.9  # of every class
SHARES = (1.0, 0.9, 0.75, 0.5, 0.25)  # of the validation rows, to be answered


@dataclass(frozen=True)
class CoveredClass:
    """How often the sets hold a class.

    Attributes:
        name: of the class.
        calibration_rows: validation rows of it.
        promised: whether these are enough; otherwise it is in every set.
        rows: test rows of it.
        covered: share of these whose set holds it; None without any.
    """

    name: str
    calibration_rows: int
    promised: bool
    rows: int
    covered: float | None


@dataclass(frozen=True)
class Sets:
    """Sets of classes on the test rows, see `tailtune.decision.conformal` and, after folds, `cross_conformal`.

    Attributes:
        coverage: share of the rows of each class whose set is to hold it.
        needed: validation rows of a class that this takes.
        size: classes of a set on average.
        single: share of the sets that are of one class.
        classes: in class order.
    """

    coverage: float
    needed: int
    size: float
    single: float
    classes: tuple[CoveredClass, ...]


@dataclass(frozen=True)
class Answering:
    """Rows of which the answer has a probability above a threshold, which was found on validation rows.

    Attributes:
        threshold: answered are rows above it; None where nothing is answered.
        expected: share of the validation rows that are answered.
        answered: share of the test rows that are.
        wrong: share of wrong answers among these; None where there are none.
        rare: share of the test rows of the rarest classes that are answered; None where there are no such rows.
    """

    threshold: float | None
    expected: float
    answered: float
    wrong: float | None
    rare: float | None


@dataclass(frozen=True)
class Promises:
    """Sets of classes, and answering fewer rows, as they turn out on the test rows.

    Attributes:
        sets: for every class.
        levels: with fewer and fewer rows answered.
        error: half of the share of wrong answers among all validation rows.
        confidence: that no more than `error` of the answers of `kept` are wrong.
        kept: with as many rows answered as keep that; None where no answer is wrong.
        note: why nothing is answered then, or nothing.
        scored_by: which model the scores of the validation rows are of: the final one ("model"), that before a refit
            ("first"), or for each row one of the models that were trained without its fold ("folds").
    """

    sets: Sets
    levels: tuple[Answering, ...]
    error: float
    confidence: float
    kept: Answering | None
    note: str
    scored_by: ScoredBy


def promises(
    predictor: Predictor,
    profile: ClassProfile,
    made: Predictions,
    scored_by: ScoredBy,
    by_fold: Floats | None = None,
) -> Promises | None:
    """Find both on the validation rows and try them on the test rows.

    Args:
        predictor: the model with its decision.
        profile: class distribution of the training rows.
        made: scores and answers of the test rows, and scores of the validation rows.
        scored_by: which model the latter are of.
        by_fold: scores of the test rows by the models of each fold [F, N, K], where there are several.

    Returns:
        What came out; None without validation rows.
    """
    held_out = made.held_out
    if held_out is None:
        return None
    known = predictor.in_use(held_out.probabilities)
    answers = predictor.answers(known, held_out.amounts)
    sure = known[np.arange(len(answers)), answers]

    def answering(threshold: float) -> Answering:
        return _answering(threshold, sure, profile, made)

    wrong = float((answers != held_out.targets).mean())
    kept, note, confidence = None, "", 0.95
    if wrong > 0:
        found = fit_abstention(known, held_out.targets, wrong / 2, confidence=confidence, answers=answers)
        kept, note = answering(found.threshold), found.note
    return Promises(
        sets=_sets(held_out, profile, made, by_fold),
        levels=tuple(answering(0.0 if share == 1 else float(np.quantile(sure, 1 - share))) for share in SHARES),
        error=wrong / 2,
        confidence=confidence,
        kept=kept,
        note=note,
        scored_by=scored_by,
    )


def _answering(threshold: float, sure: Floats, profile: ClassProfile, made: Predictions) -> Answering:
    answers = made.model.answers
    answered = made.model.probabilities[np.arange(len(answers)), answers] > threshold
    rare = np.isin(made.targets, profile.tail)
    return Answering(
        threshold=threshold if math.isfinite(threshold) else None,
        expected=float((sure > threshold).mean()),
        answered=float(answered.mean()),
        wrong=float((answers != made.targets)[answered].mean()) if answered.any() else None,
        rare=float(answered[rare].mean()) if rare.any() else None,
    )


def sets_of(
    held_out: HeldOut, names: Sequence[str], coverage: float, scores: Floats, by_fold: Floats | None
) -> tuple[NDArray[np.bool_], str]:
    """Return which classes the sets of rows hold [N, K], and what cannot be promised, in words.

    Args:
        held_out: scores of the validation rows, before the decision, because that was fitted on the same rows.
        names: of the classes [K].
        coverage: share of the rows of each class whose set is to hold it.
        scores: of the rows [N, K].
        by_fold: by the models of each fold [F, N, K], where there are several.
    """
    if held_out.folds is not None and by_fold is not None:
        across = fit_cross_conformal(
            held_out.probabilities, held_out.targets, held_out.folds, coverage, names=tuple(names)
        )
        return across(by_fold), across.note
    found = fit_conformal(held_out.probabilities, held_out.targets, coverage, names=tuple(names))
    return found(scores), found.note


def _sets(held_out: HeldOut, profile: ClassProfile, made: Predictions, by_fold: Floats | None) -> Sets:
    held, _ = sets_of(held_out, profile.names, COVERAGE, made.scores, by_fold)
    known = np.bincount(held_out.targets, minlength=profile.num_classes)

    def covered(k: int, rows: Indices) -> CoveredClass:
        share = float(held[rows, k].mean()) if len(rows) else None
        promised = bool(known[k] >= rows_needed(COVERAGE))
        return CoveredClass(profile.names[k], int(known[k]), promised, len(rows), share)

    sizes = held.sum(axis=1)
    return Sets(
        coverage=COVERAGE,
        needed=rows_needed(COVERAGE),
        size=float(sizes.mean()),
        single=float((sizes == 1).mean()),
        classes=tuple(covered(k, np.flatnonzero(made.targets == k)) for k in range(profile.num_classes)),
    )

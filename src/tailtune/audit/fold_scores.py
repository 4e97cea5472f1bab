"""Class probabilities of every row by models that have not seen it: of a quick model, or of a run with --folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.audit.plain_inputs import PlainInputs
from tailtune.data.dataset import Part
from tailtune.data.splits import folds
from tailtune.errors import TailtuneError
from tailtune.run.finished import Finished

FOLDS, REPEATS, TREES = 5, 3, 100
ONCE = 20_000  # rows from which on folds are drawn once

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What models made of rows that they had not seen.

    Attributes:
        rows: positions of the rows that were scored [M].
        probabilities: of each scored row, mean over the repeats [M, K].
        answers: class of each repeat and scored row, classes weighing alike [R, M].
        said: a sentence on how they came about.
    """

    rows: Indices
    probabilities: Floats
    answers: Indices
    said: str


def quick_scores(inputs: PlainInputs, rows: Part, num_classes: int) -> FoldScores:
    """Score every row by extremely randomised trees that learnt from the other folds.

    Folds are stratified and keep groups together; classes of one row stay out of them. They are drawn three times, or
    once from 20,000 rows on.

    Raises:
        TailtuneError: no class has two rows.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    targets, columns = rows.targets.numpy(), inputs.columns
    repeats = 1 if len(rows) > ONCE else REPEATS
    made = []
    for seed in range(repeats):
        fold = folds(targets, FOLDS, seed, rows.groups)
        if (fold < 0).all():
            raise TailtuneError(
                "no class has two rows (or groups), so nothing can be learnt without a row and tried on it"
            )
        found = np.full((len(rows), num_classes), np.nan)
        for own in np.unique(fold[fold >= 0]):
            trees = ExtraTreesClassifier(TREES, random_state=seed, n_jobs=1)
            trees.fit(columns[fold != own], targets[fold != own])
            asked = np.flatnonzero(fold == own)
            found[asked] = 0.0
            found[np.ix_(asked, trees.classes_)] = trees.predict_proba(columns[asked])
        made.append(found)
    scored = np.flatnonzero(~np.isnan(np.stack(made)).any(axis=(0, 2)))
    each = np.stack([found[scored] for found in made])
    balance = np.bincount(targets, minlength=num_classes) / len(targets)
    times = "once" if repeats == 1 else f"{repeats} times"
    return FoldScores(
        scored,
        each.mean(axis=0),
        _balanced(each, balance),
        f"Rows were scored by {TREES} extremely randomised trees that learnt from the other {FOLDS - 1} of {FOLDS} "
        f"folds, drawn {times}; a better model would judge some of them otherwise.",
    )


def scores_of_run(run: Finished, rows: Part) -> FoldScores:
    """Return the scores of a run with --folds, of which each is by the models of the other folds.

    Raises:
        TailtuneError: rows of the run that are not among `rows`.
    """
    made = run.predictions
    places = {row: position for position, row in enumerate(rows.ids.tolist())}
    at = [places.get(row, -1) for row in made.ids.tolist()]
    if min(at, default=-1) < 0 or len(places) < len(rows):
        raise TailtuneError(
            f"the rows of {run.folder} are not told apart by their names in its data; audit the data instead"
        )
    answers = _balanced(made.scores[None], made.implied)
    return FoldScores(
        np.array(at, dtype=np.int64),
        made.scores,
        answers,
        f"Rows were scored by the models of {run.folder.name} that had not seen them (--folds).",
    )


def _balanced(probabilities: Floats, balance: Floats) -> Indices:
    """The likeliest class [R, M] of probabilities [R, M, K] were classes equally frequent."""
    weights = np.divide(1.0, balance, out=np.zeros_like(balance, dtype=np.float64), where=balance > 0)
    return np.asarray((probabilities * weights).argmax(axis=-1), dtype=np.int64)

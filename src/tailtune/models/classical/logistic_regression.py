"""Logistic regression on standardised numbers and one-hot categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.splits import folds
from tailtune.models.classical.library import OF_STAGES, ORDINARY, Boosting, Floats, check_columns
from tailtune.models.classical.scikit_learn import ScikitLearn, columns_in_front, fitted, read

if TYPE_CHECKING:
    from tailtune.data.dataset import Part

LABEL = "logistic regression"
FOUND = "found"
SETTINGS: Mapping[str, Any] = {"C": FOUND}
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = False
STEPS = 1000  # of the solver, at most
TRIED = (1.0, 0.1, 0.01, 1e-3)  # values of C, from the library's own to what thousands of columns ask for
FOLDS = 5  # on which they are tried
ROWS_A_COLUMN = 10  # with more, the penalty decides little
MOST_CELLS = 2_500_000  # rows by columns by classes, up to which trying them takes seconds
COOLEST, HOTTEST = 0.05, 20.0  # temperatures
LEAST = 1e-15


def from_bytes(content: bytes) -> ScikitLearn:
    """Read what `ScikitLearn.to_bytes` returned; anything else is a TailtuneError."""
    return read(content, ("numpy.dtype",))


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> ScikitLearn:
    """Fit all classes at once, with a penalty of half the squared weights over C; see `Library.fit`.

    `val` is not looked at. Where C is "found" values of `TRIED` are tried in turn, as long as each brings a lower log
    loss on rows of `train` that were left out, each once; after a temperature, because that is what calibration mends
    by itself. It is the first of them with `ROWS_A_COLUMN` or more, and on more than `MOST_CELLS`.
    """
    c = (settings or SETTINGS)["C"]
    weights = None if row_weights is None else row_weights[0]
    if c == FOUND:
        columns = int(shape["numeric"]) + sum(int(levels) for levels in shape["cardinalities"])
        decides = len(train) < ROWS_A_COLUMN * columns and len(train) * columns * num_classes <= MOST_CELLS
        c = _penalty(train, shape, num_classes, seed, weights) if decides else TRIED[0]
    return _fitted(c, train, shape, num_classes, weights)


def _fitted(c: float, train: Part, shape: Mapping[str, Any], num_classes: int, weights: Floats | None) -> ScikitLearn:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(columns_in_front(*check_columns(shape)), LogisticRegression(C=c, max_iter=STEPS))
    row_weights = None if weights is None else (weights, weights[:0])
    return fitted(classifier, train, shape, num_classes, row_weights, "logisticregression__sample_weight")


def _penalty(train: Part, shape: Mapping[str, Any], num_classes: int, seed: int, weights: Floats | None) -> float:
    """Return the C of the lowest log loss on rows left out."""
    targets = train.targets.numpy()
    fold = folds(targets, FOLDS, seed, train.groups)
    parts = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(FOLDS)]
    parts = [(kept, out) for kept, out in parts if len(out) and len(np.unique(targets[kept])) > 1]
    if not parts:
        return TRIED[0]
    left_out = np.concatenate([out for _, out in parts])
    lowest, best = np.inf, TRIED[0]
    for c in TRIED:
        scores = [
            _fitted(c, train.take(kept), shape, num_classes, None if weights is None else weights[kept]).predict_proba(
                train.take(out).tensors(LABEL)
            )
            for kept, out in parts
        ]
        of_left_out = None if weights is None else weights[left_out]
        loss = _best_log_loss(np.concatenate(scores), targets[left_out], of_left_out)
        if loss >= lowest:
            break
        lowest, best = loss, c
    return best


def _best_log_loss(probabilities: Floats, targets: Any, weights: Floats | None) -> float:
    """Mean log loss of softmax(log p / T), at the T that makes it lowest."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logs = np.log(np.maximum(probabilities, LEAST))
    right = logs[np.arange(len(targets)), targets]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float(np.average(logsumexp(logs / temperature, axis=1) - right / temperature, weights=weights))

    return float(minimize_scalar(loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded").fun)

"""Figures of one model's scores at any class balance: rows reweighted, priors corrected or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.evaluation.scored import SMALLEST_PROBABILITY
from tailtune.run.folder import Predictions

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Scores of a model for rows of one part.

    Attributes:
        probabilities: before any decision [N, K].
        targets: class indices [N].
        weights: of the rows [N], or None.
        implied: class balance [K] that the probabilities belong to.
    """

    probabilities: Floats
    targets: Indices
    weights: Floats | None
    implied: Floats

    def at(self, balance: Floats) -> Floats:
        """Return the probabilities with the priors corrected to `balance` [K], by Bayes' rule."""
        p = self.probabilities * (balance / self.implied)
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def log_losses(self, probabilities: Floats) -> Floats:
        """Mean of -log p of the true class over the rows of each class [K]; NaN of a class without rows."""
        true = probabilities[np.arange(len(self.targets)), self.targets]
        return self._means(-np.log(np.maximum(true, SMALLEST_PROBABILITY)))

    def recalls(self, probabilities: Floats) -> Floats:
        """Share of the rows of each class [K] whose likeliest class is theirs; NaN of a class without rows."""
        return self._means((probabilities.argmax(axis=1) == self.targets).astype(np.float64))

    def _means(self, values: Floats) -> Floats:
        own = np.ones(len(values)) if self.weights is None else self.weights
        classes = self.probabilities.shape[1]
        sums, sizes = (np.bincount(self.targets, each, minlength=classes) for each in (own * values, own))
        return np.asarray(np.divide(sums, sizes, out=np.full(classes, np.nan), where=sizes > 0))


def over_classes(values: Floats, balance: Floats) -> float:
    """Return the mean of values of classes [K], weighted by `balance` [K], of those that have one.

    >>> over_classes(np.array([1.0, np.nan, 0.0]), np.array([0.5, 0.25, 0.25]))
    0.6666666666666666
    """
    known = np.isfinite(values)
    return float(values[known] @ balance[known] / balance[known].sum())


def scores_of_test(made: Predictions) -> Scores:
    """Return the scores of the test rows."""
    return Scores(made.scores, made.targets, made.weights, made.implied)


def scores_of_validation(made: Predictions) -> Scores | None:
    """Return the scores of the validation rows, where there are such."""
    held = made.held_out
    return None if held is None else Scores(held.probabilities, held.targets, held.weights, made.implied)

"""`Answer`: which class is answered, taken from probabilities for what a user wants, and how it is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import Amounts
from tailtune.decision.costs import Costs
from tailtune.errors import TailtuneError
from tailtune.profile import Floats

Indices = NDArray[np.int64]
Score = Callable[[Indices, Indices, Floats], float]  # (targets [N], answers [N], weights of the rows [N]) -> figure


class Answer(Protocol):
    """Maps class probabilities [N, K] to answers, class indices [N]."""

    def __call__(self, probabilities: Floats, amounts: Amounts | None = None) -> Indices:
        """Return the answers; `amounts` of the rows [N] are looked at where costs depend on them."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings ready for JSON, among them "kind", and named arrays; `answer_from_state` is the inverse."""
        ...


@dataclass(frozen=True, eq=False)
class Utility:
    """Answers the class of the highest expected utility: the largest (p U)_k, the first of equals.

    Attributes:
        utility: U [K, K], of answering k (column) where the truth is y (row). A diagonal one weighs the classes.
    """

    utility: Floats

    def __call__(self, probabilities: Floats, amounts: Amounts | None = None) -> Indices:
        """Return the answers [N]."""
        return np.asarray((probabilities @ self.utility).argmax(axis=1))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the kind and the matrix."""
        return {"kind": "utility"}, {"utility": self.utility}


@dataclass(frozen=True)
class LeastCost:
    """Answers the class of the least expected cost, the first of equals.

    Attributes:
        costs: of each answer by the true class, which may depend on amounts of the row.
    """

    costs: Costs

    def __call__(self, probabilities: Floats, amounts: Amounts | None = None) -> Indices:
        """Return the answers [N]; amounts that the costs lack are a TailtuneError."""
        return np.asarray(self.costs.expected(probabilities, amounts).argmin(axis=1))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the kind and the cells of the matrix."""
        return {"kind": "least cost", "cells": [list(row) for row in self.costs.cells]}, {}


@dataclass(frozen=True, eq=False)
class Threshold:
    """Answers the positive class where its probability reaches a threshold, else the likeliest other class.

    Attributes:
        positive: index of the class.
        threshold: lowest probability of an answer.
    """

    positive: int
    threshold: float

    def __call__(self, probabilities: Floats, amounts: Amounts | None = None) -> Indices:
        """Return the answers [N]."""
        return _or_else(probabilities, self.positive, probabilities[:, self.positive] >= self.threshold)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the kind, the class and the threshold."""
        return {"kind": "threshold", "positive": self.positive, "threshold": self.threshold}, {}


@dataclass(frozen=True, eq=False)
class Budget:
    """Answers the positive class for the rows where it is likeliest, as many as the budget allows.

    Attributes:
        positive: index of the class.
        cases: rows where 1 or more, else a share of those given.
    """

    positive: int
    cases: float

    def __call__(self, probabilities: Floats, amounts: Amounts | None = None) -> Indices:
        """Return the answers [N]; other rows get their likeliest other class."""
        n = len(probabilities)
        cases = min(n, int(self.cases) if self.cases >= 1 else round(self.cases * n))
        chosen = np.zeros(n, dtype=np.bool_)
        chosen[np.argsort(-probabilities[:, self.positive], kind="stable")[:cases]] = True
        return _or_else(probabilities, self.positive, chosen)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the kind, the class and the budget."""
        return {"kind": "budget", "positive": self.positive, "cases": self.cases}, {}


def _or_else(probabilities: Floats, positive: int, chosen: NDArray[np.bool_]) -> Indices:
    others = probabilities.copy()
    others[:, positive] = -1.0
    return np.where(chosen, positive, others.argmax(axis=1))


def weighing(weights: Floats) -> Utility:
    """Return the answer that takes the largest weights_k p_k.

    >>> weighing(np.array([1.0, 3.0]))(np.array([[0.7, 0.3], [0.8, 0.2]])).tolist()
    [1, 0]
    """
    return Utility(np.diag(weights / weights.max()))


def likeliest(num_classes: int) -> Utility:
    """Return the answer that takes the likeliest class, which is right most often."""
    return Utility(np.eye(num_classes))


def answer_from_state(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Answer:
    """Restore an answer from what its `state` returned.

    Raises:
        TailtuneError: a kind of answer that this version does not know.
    """
    if settings.get("kind") == "utility":
        return Utility(np.asarray(arrays["utility"]))
    if settings.get("kind") == "least cost":
        return LeastCost(Costs(tuple(map(tuple, settings["cells"]))))
    if settings.get("kind") == "threshold":
        return Threshold(int(settings["positive"]), float(settings["threshold"]))
    if settings.get("kind") == "budget":
        return Budget(int(settings["positive"]), float(settings["cases"]))
    raise TailtuneError(f"the model's answers are of an unknown kind, {settings.get('kind')!r}; use its version")


STEPS = np.geomspace(1 / 16, 16, 33)  # factors that the weight of a class is tried with, one after the other
ROUNDS = 3


def best_weights(score: Score, probabilities: Floats, targets: Indices, weights: Floats, start: Floats) -> Floats:
    """Search class weights [K] whose answers have the highest score: coordinate ascent over factors from 1/16 to 16.

    Where a whole range of factors scores alike, the middle of it is taken, which is where new rows decide the least.

    Args:
        score: of answers, higher is better.
        probabilities: of rows that the model was not trained on [N, K].
        targets: their class indices [N].
        weights: of the rows [N].
        start: class weights [K] to begin with.
    """
    found = start.copy()
    for _ in range(ROUNDS):
        before = found.copy()
        for k in range(len(found)):
            values = np.array([_score(score, probabilities, targets, weights, found, k, step) for step in STEPS])
            found[k] *= STEPS[_middle(values)]
        if np.array_equal(before, found):
            break
    return found


def _score(
    score: Score, probabilities: Floats, targets: Indices, weights: Floats, classes: Floats, k: int, step: float
) -> float:
    tried = classes.copy()
    tried[k] *= step
    return score(targets, (probabilities * tried).argmax(axis=1), weights)


def _middle(values: Floats) -> int:
    """The middle of the run of best values that lies nearest to the middle of the steps."""
    centre = len(values) // 2
    best = np.flatnonzero(values >= values.max() - 1e-12)
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    middles = [int(run[len(run) // 2]) for run in runs]
    return centre if values[centre] == values.max() else min(middles, key=lambda at: abs(at - centre))

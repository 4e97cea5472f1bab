"""`Bill`: what answers cost, beside what they would cost without a decision or without a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tailtune.profile import Floats, Indices


@dataclass(frozen=True)
class Bill:
    """What the answers to some rows cost.

    Attributes:
        total: of all answers.
        mean: of an answer.
        likeliest: mean where the likeliest class of the scores is answered, as they come.
        constant: name of the class that is cheapest to answer always.
        always: mean where it is.
    """

    total: float
    mean: float
    likeliest: float
    constant: str
    always: float


def bill(costs: Floats, answers: Indices, scores: Floats, names: tuple[str, ...]) -> Bill:
    """Add up what answers cost.

    Args:
        costs: of each answer to each row [N, K], see `tailtune.decision.costs.Costs.of`.
        answers: class indices [N].
        scores: of the model, before anything is made of them [N, K].
        names: of the classes [K].

    >>> bill(np.array([[0.0, 1.0], [9.0, 0.0]]), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ("no", "yes"))
    Bill(total=0.0, mean=0.0, likeliest=4.5, constant='yes', always=0.5)
    """
    rows, constant = np.arange(len(costs)), costs.mean(axis=0)
    paid, cheapest = costs[rows, answers], int(constant.argmin())
    return Bill(
        total=float(paid.sum()),
        mean=float(paid.mean()),
        likeliest=float(costs[rows, scores.argmax(axis=1)].mean()),
        constant=names[cheapest],
        always=float(constant[cheapest]),
    )

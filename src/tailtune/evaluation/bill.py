"""`Bill`: what answers cost, beside what they would cost without a decision or without a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tailtune.profile import Floats, Indices


@dataclass(frozen=True)
class Bill:
    """What the answers to some rows cost.

    Attributes:
        total: of all answers, to the rows as they are.
        mean: of an answer; this and the others at the balance in use, where that is another one.
        likeliest: mean where the likeliest class of the scores is answered, as they come.
        constant: name of the class that is cheapest to answer always.
        always: mean where it is.
        weighted: whether the balance in use is another one than that of the rows.
    """

    total: float
    mean: float
    likeliest: float
    constant: str
    always: float
    weighted: bool = False


def bill(
    costs: Floats, answers: Indices, scores: Floats, names: tuple[str, ...], weights: Floats | None = None
) -> Bill:
    """Add up what answers cost.

    Args:
        costs: of each answer to each row [N, K], see `tailtune.decision.costs.Costs.of`.
        answers: class indices [N].
        scores: of the model, before anything is made of them [N, K].
        names: of the classes [K].
        weights: of the rows at the balance in use [N]; None where that is the balance of the rows.

    >>> bill(np.array([[0.0, 1.0], [9.0, 0.0]]), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ("no", "yes"))
    Bill(total=0.0, mean=0.0, likeliest=4.5, constant='yes', always=0.5, weighted=False)
    """
    rows, constant = np.arange(len(costs)), np.average(costs, axis=0, weights=weights)
    paid, cheapest = costs[rows, answers], int(constant.argmin())
    return Bill(
        total=float(paid.sum()),
        mean=float(np.average(paid, weights=weights)),
        likeliest=float(np.average(costs[rows, scores.argmax(axis=1)], weights=weights)),
        constant=names[cheapest],
        always=float(constant[cheapest]),
        weighted=weights is not None,
    )

"""A training under many decisions at once, from its scores alone: logit adjustment by several strengths, temperature.

For studies that choose settings on rows kept aside (`tailtune.paper.held_out`), whose scores these are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailtune.run.finished import Finished

Floats = NDArray[np.float64]
TAUS = (0.0, 0.5, 1.0, 1.5, 2.0)
TEMPERATURES = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
LEAST = 1e-12  # of a probability


def strength(tau: float) -> str:
    """The column of the accuracy after a logit adjustment.

    >>> strength(0.5)
    'tau_0.5'
    """
    return f"tau_{tau:g}"


def adjusted(scores: Floats, implied: Floats, tau: float, temperature: float = 1.0) -> Floats:
    """Return probabilities proportional to scores^(1 / temperature) / implied^tau.

    Args:
        scores: probabilities of the model [N, K].
        implied: the class balance that they belong to [K].
        tau: 0 leaves it, 1 takes it off.
        temperature: above 1 makes scores less sure.

    Returns:
        Probabilities [N, K].

    >>> adjusted(np.array([[0.8, 0.2]]), np.array([0.8, 0.2]), 1.0)
    array([[0.5, 0.5]])
    """
    logits = np.log(np.maximum(scores, LEAST)) / temperature - tau * np.log(implied)
    found: Floats = np.exp(logits - logits.max(1, keepdims=True))
    found /= found.sum(1, keepdims=True)
    return found


def of_run(run: Finished) -> dict[str, float]:
    """Return columns of a finished training: accuracy by strength, and log loss with its best temperature.

    Accuracies are means over classes; log losses, with tau 1, count classes alike.
    """
    made = run.predictions
    classes = len(made.implied)

    def mean(values: NDArray[np.generic]) -> float:
        return float(np.mean([values[made.targets == k].mean() for k in range(classes) if (made.targets == k).any()]))

    own = np.arange(len(made.targets)), made.targets
    losses = {
        temperature: mean(-np.log(np.maximum(adjusted(made.scores, made.implied, 1.0, temperature)[own], LEAST)))
        for temperature in TEMPERATURES
    }
    best = min(losses, key=lambda temperature: losses[temperature])
    return {strength(tau): mean(adjusted(made.scores, made.implied, tau).argmax(1) == made.targets) for tau in TAUS} | {
        "loss": losses[1.0],
        "loss_tempered": losses[best],
        "temperature": best,
    }

"""Class-balanced loss: re-weighting by the effective number of samples (Cui et al. 2019)."""

from __future__ import annotations

from tailtune.losses.weights import Normalise, effective_number
from tailtune.methods.method import Method, Stage
from tailtune.methods.search import Choice, Space
from tailtune.profile import ClassProfile

SEARCH: Space = {"beta": Choice((0.9, 0.99, 0.999, 0.9999))}  # the values that the source tries


def class_balanced(profile: ClassProfile, *, beta: float = 0.9999, normalise: Normalise = "rows") -> Method:
    """Multiply the losses of class k by c (1 - beta) / (1 - beta^n_k), scaled as `normalise` says.

    See `tailtune.losses.weights`.
    """
    weights = effective_number(profile.counts, beta, normalise)
    stage = Stage(class_weights=lambda progress: weights, weight_mean="batch" if normalise == "batch" else None)
    return Method("class_balanced", (stage,), balances=True)

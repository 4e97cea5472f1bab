"""Re-weighting by inverse class frequency: every class has the same say in the loss."""

from __future__ import annotations

from tailtune.losses.weights import Normalise
from tailtune.losses.weights import inverse_frequency as inverse_weights
from tailtune.methods.method import Method, Stage
from tailtune.profile import ClassProfile


def inverse_frequency(profile: ClassProfile, *, normalise: Normalise = "rows") -> Method:
    """Multiply the losses of class k by c / n_k, scaled as `normalise` says (see `tailtune.losses.weights`)."""
    weights = inverse_weights(profile.counts, normalise)
    stage = Stage(class_weights=lambda progress: weights, weight_mean="batch" if normalise == "batch" else None)
    return Method("inverse_frequency", (stage,), balances=True)

"""Deferred re-weighting: plain training first, class-balanced weights for the last fifth (Cao et al. 2019)."""

from __future__ import annotations

from tailtune.losses.weights import Normalise, deferred, effective_number
from tailtune.methods.method import Method, Stage
from tailtune.methods.search import Choice, Space, Uniform
from tailtune.profile import ClassProfile

SEARCH: Space = {"beta": Choice((0.9, 0.99, 0.999, 0.9999)), "start": Uniform(0.5, 0.95)}


def drw(profile: ClassProfile, *, beta: float = 0.9999, start: float = 0.8, normalise: Normalise = "rows") -> Method:
    """Weigh all classes alike until `start` of the training, and by effective number from then on.

    The weights are scaled as `normalise` says, see `tailtune.losses.weights`.
    """
    weights = deferred(effective_number(profile.counts, beta, normalise), start)
    stage = Stage(class_weights=weights, weight_mean="batch" if normalise == "batch" else None)
    return Method("drw", (stage,), balances=True)

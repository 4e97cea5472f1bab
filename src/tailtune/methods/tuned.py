"""The tuned recipe: SAM-A and class-conditional smoothing on top of a well-set ordinary routine."""

from __future__ import annotations

from dataclasses import replace

from tailtune.methods.combine import combine
from tailtune.methods.logit_adjustment import logit_adjustment
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent
from tailtune.methods.sama_smoothing import SEARCH as OF_PARTS
from tailtune.methods.sama_smoothing import sama_smoothing
from tailtune.methods.search import Maybe, Space, Uniform
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {**OF_PARTS, "tau": Maybe(Uniform(0.1, 1.0))}


def tuned(
    profile: ClassProfile,
    *,
    rho: float = 0.05,
    smoothing: float = 0.01,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
    tau: float = 0.0,
) -> Method:
    """Do what `sama_smoothing` does; the routine around it is the "tuned" one of the recipe.

    With `tau` above 0 the loss is that of `logit_adjustment`.
    """
    parts = sama_smoothing(profile, rho=rho, smoothing=smoothing, rule=rule, kappa=kappa, cap=cap, normalise=normalise)
    if tau:
        parts = combine("tuned", parts, logit_adjustment(profile, tau=tau))
    return replace(parts, name="tuned", recipe="tuned")

"""The tuned recipe: class-conditional smoothing in a well-set ordinary routine, and SAM-A where it is asked for."""

from __future__ import annotations

from tailtune.methods.class_conditional_smoothing import class_conditional_smoothing
from tailtune.methods.combine import combine
from tailtune.methods.erm import erm
from tailtune.methods.logit_adjustment import logit_adjustment
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent, sama
from tailtune.methods.search import Log, Maybe, Space, Uniform
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {"rho": Maybe(Log(0.02, 0.2)), "smoothing": Maybe(Log(0.003, 0.1)), "tau": Maybe(Uniform(0.1, 1.0))}


def tuned(
    profile: ClassProfile,
    *,
    rho: float = 0.0,
    smoothing: float = 0.01,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
    tau: float = 0.0,
) -> Method:
    """Do what `class_conditional_smoothing` does; the routine around it is the "tuned" one of the recipe.

    With `rho` above 0 the steps are those of `sama`, which take two passes; with `tau` above 0 the loss is that of
    `logit_adjustment`. One rule for radii and smoothing ("official" exists for SAM-A only).
    """
    smooth_rule: Rule = "inverse" if rule == "official" else rule
    smoothed = class_conditional_smoothing(profile, smoothing=smoothing, rule=smooth_rule, kappa=kappa, cap=cap)
    parts = [smoothed if smoothing else erm(profile)]
    ascent = sama(profile, rho=rho, rule=rule, kappa=kappa, cap=cap, normalise=normalise)  # refuses what it cannot do
    if rho:
        parts.append(ascent)
    if tau:
        parts.append(logit_adjustment(profile, tau=tau))
    return combine("tuned", *parts, recipe="tuned")

"""SAM-A and class-conditional smoothing together, in the plain routine."""

from __future__ import annotations

from tailtune.methods.class_conditional_smoothing import class_conditional_smoothing
from tailtune.methods.combine import combine
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent, sama
from tailtune.methods.search import Log, Space
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {"rho": Log(0.02, 0.2), "smoothing": Log(0.003, 0.1)}


def sama_smoothing(
    profile: ClassProfile,
    *,
    rho: float = 0.05,
    smoothing: float = 0.01,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
) -> Method:
    """Combine `sama` and `class_conditional_smoothing`; one rule for both ("official" exists for SAM-A only)."""
    smooth_rule: Rule = "inverse" if rule == "official" else rule
    return combine(
        "sama_smoothing",
        sama(profile, rho=rho, rule=rule, kappa=kappa, cap=cap, normalise=normalise),
        class_conditional_smoothing(profile, smoothing=smoothing, rule=smooth_rule, kappa=kappa, cap=cap),
    )

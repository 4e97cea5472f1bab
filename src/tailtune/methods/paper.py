"""The paper's own procedure: SAM-A and class-conditional smoothing in the routine that it states."""

from __future__ import annotations

from dataclasses import replace

from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent
from tailtune.methods.sama_smoothing import SEARCH as SEARCH
from tailtune.methods.sama_smoothing import sama_smoothing
from tailtune.profile import ClassProfile, Rule


def paper(
    profile: ClassProfile,
    *,
    rho: float = 0.05,
    smoothing: float = 0.01,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
) -> Method:
    """Do what `sama_smoothing` does; the network and the routine around it are those of the paper's appendix B."""
    parts = sama_smoothing(profile, rho=rho, smoothing=smoothing, rule=rule, kappa=kappa, cap=cap, normalise=normalise)
    return replace(parts, name="paper", recipe="paper")

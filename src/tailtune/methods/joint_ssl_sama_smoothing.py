"""Joint-SSL, SAM-A and class-conditional smoothing together: the paper's three modified methods at once."""

from __future__ import annotations

from tailtune.methods.combine import combine
from tailtune.methods.joint_ssl import joint_ssl
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent
from tailtune.methods.sama_smoothing import sama_smoothing
from tailtune.methods.search import Log, Space
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {"weight": Log(0.3, 30.0), "rho": Log(0.02, 0.2), "smoothing": Log(0.003, 0.1)}


def joint_ssl_sama_smoothing(
    profile: ClassProfile,
    *,
    weight: float = 3.0,
    rho: float = 0.05,
    smoothing: float = 0.01,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
) -> Method:
    """Combine `joint_ssl` with VICReg and `sama_smoothing`."""
    return combine(
        "joint_ssl_sama_smoothing",
        joint_ssl(profile, weight=weight),
        sama_smoothing(profile, rho=rho, smoothing=smoothing, rule=rule, kappa=kappa, cap=cap, normalise=normalise),
    )

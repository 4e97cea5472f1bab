"""Joint-SSL and SAM-A together."""

from __future__ import annotations

from tailtune.methods.combine import combine
from tailtune.methods.joint_ssl import joint_ssl
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent, sama
from tailtune.methods.search import Log, Space
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {"weight": Log(0.3, 30.0), "rho": Log(0.02, 0.2)}


def joint_ssl_sama(
    profile: ClassProfile,
    *,
    weight: float = 3.0,
    rho: float = 0.05,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
) -> Method:
    """Combine `joint_ssl` with VICReg and `sama`."""
    return combine(
        "joint_ssl_sama",
        joint_ssl(profile, weight=weight),
        sama(profile, rho=rho, rule=rule, kappa=kappa, cap=cap, normalise=normalise),
    )

"""Joint-SSL, SAM-A and M2m together: the paper's best row on most of its benchmarks."""

from __future__ import annotations

from tailtune.methods.combine import combine
from tailtune.methods.joint_ssl_sama import joint_ssl_sama
from tailtune.methods.m2m import m2m
from tailtune.methods.method import Method
from tailtune.methods.sama import Ascent
from tailtune.methods.search import Choice, Log, Space
from tailtune.profile import ClassProfile, Rule

SEARCH: Space = {"weight": Log(0.3, 30.0), "rho": Log(0.02, 0.2), "beta": Choice((0.9, 0.99, 0.999))}


def joint_ssl_sama_m2m(
    profile: ClassProfile,
    *,
    weight: float = 3.0,
    rho: float = 0.05,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
    beta: float = 0.999,
    confidence: float = 0.9,
    suppression: float = 0.5,
) -> Method:
    """Combine `joint_ssl_sama` and `m2m`, whose second stage trains with all three; its first one trains plainly."""
    return combine(
        "joint_ssl_sama_m2m",
        joint_ssl_sama(profile, weight=weight, rho=rho, rule=rule, kappa=kappa, cap=cap, normalise=normalise),
        m2m(profile, beta=beta, confidence=confidence, suppression=suppression),
    )

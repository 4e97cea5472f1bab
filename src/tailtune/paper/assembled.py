"""The paper's modified methods as parts that are there or not: the method of every arm of the ablation."""

from __future__ import annotations

from typing import Literal

from tailtune.errors import TailtuneError, nearest
from tailtune.methods.class_conditional_smoothing import class_conditional_smoothing
from tailtune.methods.combine import combine
from tailtune.methods.erm import erm
from tailtune.methods.joint_ssl import joint_ssl
from tailtune.methods.label_smoothing import label_smoothing
from tailtune.methods.method import Method
from tailtune.methods.sama import sama
from tailtune.profile import ClassProfile

SMOOTHINGS = ("none", "plain", "by_class")
STRENGTH = 0.05  # of smoothing, the mean over training rows of both kinds, so that they differ in how it is spread


def assembled(
    profile: ClassProfile,
    *,
    ssl: bool = False,
    sharpness: bool = False,
    smoothing: Literal["none", "plain", "by_class"] = "none",
    rho: float = 0.05,
) -> Method:
    """Combine what is asked for.

    Args:
        profile: of the training rows.
        ssl: with `joint_ssl`, whose supervised loss sees the first of the two views, which spares a third pass.
        sharpness: with `sama`.
        smoothing: of labels: none, the same for all classes, or more for the rarer ones.
        rho: radius of SAM-A.

    Raises:
        TailtuneError: another smoothing.
    """
    if smoothing not in SMOOTHINGS:
        close = nearest(str(smoothing), SMOOTHINGS)
        raise TailtuneError(f"smoothing must be one of {', '.join(SMOOTHINGS)}, however: {smoothing!r}.{close}")
    parts = [erm(profile)]
    if ssl:
        parts.append(joint_ssl(profile, sees="first"))
    if sharpness:
        parts.append(sama(profile, rho=rho))
    if smoothing == "plain":
        parts.append(label_smoothing(profile, smoothing=STRENGTH))
    if smoothing == "by_class":
        parts.append(class_conditional_smoothing(profile, smoothing=STRENGTH))
    return combine("assembled", *parts)

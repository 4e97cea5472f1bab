"""The precursor's Figure 10: SAM and asymmetric SAM by train ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.paper.gains_by_ratio import Gains
from tailtune.paper.page import Asked, Planned, Scale
from tailtune.paper.pictures import planned
from tailtune.study.study import Arm

TITLE = "Precursor, Figure 10: SAM and asymmetric SAM by train ratio"
CLAIM = "Sharpness-Aware Minimization (SAM) is particularly effective on imbalanced training data"
SGD, SAM, ASYMMETRIC = "SGD", "SAM", "asymmetric SAM"
METHODS = {SAM: "sam(rho=0.1)", ASYMMETRIC: "sama(rho=0.1)"}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}
_GAINS = Gains(
    "precursor-fig10",
    SGD,
    better="SAM improves generalization on class-imbalanced training data",
    amplified=CLAIM,
    of=(SAM, ASYMMETRIC),
    between={
        "increasing the ascent step size for minority samples can yield even greater performance boosts": (
            ASYMMETRIC,
            SAM,
        )
    },
)
tables, figures, claims = _GAINS.tables, _GAINS.figures, _GAINS.claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of both at every ratio, with the same mean radius. Raises what `planned` raises."""
    arms = [Arm(SGD), *(Arm(name, {"method": method}) for name, method in METHODS.items())]
    sets, model = (("cifar10",), "resnet34") if scale == "full" else ((), None)
    epochs = 20 if scale == "small" else None
    return planned(scale, asked, arms, RATIOS[scale], sets, model=model, epochs=epochs)

"""The precursor's Figure 8: Bayesian inference by train ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.paper.gains_by_ratio import Gains
from tailtune.paper.page import Asked, Planned, Scale
from tailtune.paper.pictures import planned
from tailtune.study.study import Arm

TITLE = "Precursor, Figure 8: Bayesian inference by train ratio"
CLAIM = "Bayesian inference improves performance, especially on imbalanced training data"
SGD, LAPLACE, SGHMC = "SGD", "Laplace, diagonal", "SGHMC"
METHODS = {LAPLACE: "laplace_diagonal", SGHMC: "sghmc"}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}
_GAINS = Gains(
    "precursor-fig8",
    SGD,
    better="Bayesian inference methods confer boosts in accuracy",
    amplified="Bayesian inference confers especially large boosts in accuracy on class-imbalanced training data",
    of=(LAPLACE, SGHMC),
)
tables, figures, claims = _GAINS.tables, _GAINS.figures, _GAINS.claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of both procedures at every ratio, on CIFAR-10 but for smoke. Raises what `planned` raises."""
    arms = [Arm(SGD), *(Arm(name, {"method": method}) for name, method in METHODS.items())]
    sets, model = (("cifar10",), "resnet34") if scale == "full" else ((), None)
    ema = 0.0 if scale == "full" else None  # the procedures make averages of their own
    epochs = 25 if scale == "small" else None
    return planned(scale, asked, arms, RATIOS[scale], sets, model=model, ema=ema, epochs=epochs)

"""Figures 4 and 10: what pre-training gains over random initialisation by train ratio (Equation 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.paper.gains_by_ratio import Gains
from tailtune.paper.page import Asked, Planned, Scale
from tailtune.paper.pictures import planned
from tailtune.study.study import Arm

TITLE = "Figures 4 and 10: pre-training by train ratio"
CLAIM = "pre-training yields bigger improvements on more imbalanced data"
RANDOM, SIMCLR, VICREG = "random initialisation", "SimCLR", "VICReg"
SUPERVISED, LARGER = "supervised, ImageNet-1K", "supervised, ImageNet-21K"
# below full there are no published weights: the term is minimised on the training rows themselves, without labels
OWN = {SIMCLR: "simclr_finetune", VICREG: "vicreg_finetune"}
WEIGHTS = {
    SUPERVISED: "timm/resnet50.a1_in1k",
    LARGER: "timm/resnetv2_50x1_bit.goog_in21k",
    SIMCLR: "simclr",
    VICREG: "vicreg",
}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}
_GAINS = Gains(
    "fig4",
    RANDOM,
    better="all pre-training methods notably outperform random initialization",
    amplified=CLAIM,
    of=(SUPERVISED, LARGER, SIMCLR, VICREG),
    between={
        "SSL methods conducted on ImageNet-1K surpass supervised pre-training on the same upstream training set": (
            SIMCLR,
            SUPERVISED,
        ),
        "models pre-trained on larger datasets yield greater boosts in accuracy": (LARGER, SUPERVISED),
    },
    relative=True,
)
tables, figures, claims = _GAINS.tables, _GAINS.figures, _GAINS.claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of pre-trainings at every ratio: published weights of ImageNet at full, which are fine-tuned with
    a lower rate; else self-supervision on the training rows. Raises what `planned` raises.
    """
    if scale == "full":
        fine = {"lr": 0.01, "epochs": 100}
        arms = [Arm(name, {"weights": weights, **fine}) for name, weights in WEIGHTS.items()]
        arms = [
            Arm(arm.name, {**arm.changes, "model": "resnetv2_50x1_bit"}) if arm.name == LARGER else arm for arm in arms
        ]
    else:
        arms = [Arm(name, {"method": method}) for name, method in OWN.items()]
    sets = ("cifar100", "cifar10") if scale == "full" else ()
    epochs = 18 if scale == "small" else None
    return planned(scale, asked, [Arm(RANDOM), *arms], RATIOS[scale], sets, epochs=epochs)

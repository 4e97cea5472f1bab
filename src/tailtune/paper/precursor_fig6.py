"""The precursor's Figures 6 and 16: self-supervision on the training rows, against oversampling, on binary CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.paper.gains_by_ratio import Gains
from tailtune.paper.page import Asked, Planned, Scale
from tailtune.paper.pictures import planned
from tailtune.study.study import Arm

TITLE = "Precursor, Figures 6 and 16: SSL pre-training on the training rows, oversampling, ImageNet pre-training"
CLAIM = (
    "a two-step process of (a) SSL pre-training on the imbalanced training set and (b) supervised fine-tuning on the "
    "same data can boost accuracy across imbalance ratios"
)
SUPERVISED, OVERSAMPLED = "supervised", "oversampling"
FINE, LINEAR, IMAGENET = "SSL, fine-tuned end to end", "SSL, linear head", "SimCLR of ImageNet"
METHODS = {OVERSAMPLED: "oversample", FINE: "simclr_finetune", LINEAR: "simclr_probe"}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.02, 0.2, 1.0),
    "full": (0.001, 0.01, 0.03, 0.1, 0.3, 1.0),
}
_GAINS = Gains(
    "precursor-fig6",
    SUPERVISED,
    better=CLAIM,
    amplified="SSL pre-training improves generalization most under imbalance; here: more than on balanced data",
    of=(FINE,),
    between={
        "SSL pre-training has far superior performance to oversampling": (FINE, OVERSAMPLED),
        "SSL pre-training achieves almost as high performance as ImageNet pre-training; here: as high": (
            FINE,
            IMAGENET,
        ),
        "fine-tuning end to end is better than a linear head on the fixed features": (FINE, LINEAR),
    },
    imbalanced=True,
)
tables, figures, claims = _GAINS.tables, _GAINS.figures, _GAINS.claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study on cats and dogs (digits at smoke), with the weights of ImageNet at full alone. Raises what
    `planned` raises.
    """
    arms = [Arm(SUPERVISED), *(Arm(name, {"method": method}) for name, method in METHODS.items())]
    if scale == "full":
        arms.append(Arm(IMAGENET, {"model": "resnet50", "weights": "simclr", "lr": 0.01, "epochs": 100}))
    sets = ("digits",) if scale == "smoke" else ("binary_cifar10",)
    model = "resnet34" if scale == "full" else None
    total = {"smoke": None, "small": 2000, "full": 4000}[scale]
    epochs = 20 if scale == "small" else None
    return planned(scale, asked, arms, RATIOS[scale], sets, model=model, total=total, epochs=epochs)

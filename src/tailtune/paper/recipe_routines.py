"""What the trainings of each data set of the recipe study share, and what is varied in them, at each scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tailtune.paper.page import Scale

NONE, GEOMETRY, TRIVIAL, CUTMIX = "none", "flips and crops", "+ TrivialAugment", "+ CutMix"
BOTH, AUTO = "+ TrivialAugment + CutMix", "+ AutoAugment"
POLICIES: Mapping[str, str] = {
    NONE: "none",
    GEOMETRY: "flip+crop",
    TRIVIAL: "flip+crop+trivialaugment",
    CUTMIX: "flip+crop+cutmix",
    BOTH: "flip+crop+trivialaugment+cutmix",
    AUTO: "flip+crop+autoaugment",
}
NAMES = {policy: name for name, policy in POLICIES.items()}
PLAIN, SMOOTHED, ASYMMETRIC = "erm", "class_conditional_smoothing", "sama_smoothing"
METHODS = (PLAIN, SMOOTHED, "sama", ASYMMETRIC)
# by the power of the class shares with which they draw a class
SAMPLERS: Mapping[str, float] = {PLAIN: 1.0, "square_root_sampling": 0.5, "balanced_sampling": 0.0}


@dataclass(frozen=True)
class Routine:
    """What a data set's trainings share at a scale, and what is varied.

    Attributes:
        reader: function of `tailtune.paper.held_out`.
        ratio: of the training rows; None takes them as they are.
        total: of the training rows; None for as many as the ratio leaves.
        image_size: in pixels; None for that of the files.
        model: the network.
        method: where it is not varied.
        epochs: lengths of the policies; the longest is that of the other stages.
        batch, ema: where they are not varied.
        batches: of the stage that varies them.
        decays: weight decays, the first of them where it is not varied.
        radii: of SAM-A.
        policies: names of augmentations.
        seeds: trainings of each arm.
        stages: that the data set has.
    """

    reader: str = "cifar10"
    ratio: float | None = 0.01
    total: int | None = None
    image_size: int | None = None
    model: str = "resnet8"
    method: str = "erm"
    epochs: tuple[int, ...] = (12, 24)
    batch: int = 64
    ema: float = 0.999
    batches: tuple[int, ...] = (32, 64, 128)
    decays: tuple[float, ...] = (2e-4, 5e-4, 2e-3, 5e-3)
    radii: tuple[float, ...] = (0.05, 0.1, 0.2)
    policies: tuple[str, ...] = tuple(POLICIES)
    seeds: int = 1
    stages: tuple[str, ...] = ("policies", "decays", "batches", "radii", "methods")


_DIGITS = Routine("digits", 0.05, epochs=(30, 90), batch=16, ema=0.98, batches=(16, 32, 64), seeds=5)
# Fewer than 2000 pictures from scratch, by what was the default when their augmentation was asked for
_FEW = Routine(
    ratio=0.05,
    total=1200,
    method=ASYMMETRIC,
    epochs=(30,),
    batch=16,
    ema=0.98,
    decays=(1e-3,),
    policies=(GEOMETRY, TRIVIAL, CUTMIX),
    seeds=3,
    stages=("policies",),
)
FEW: Mapping[str, Routine] = {
    "cifar10_few": _FEW,
    "ham10000_few": replace(_FEW, reader="ham10000", ratio=None, total=None, image_size=32),
    "digits_few": replace(
        _FEW,
        reader="digits",
        total=None,
        epochs=(90,),
        decays=(5e-3,),
        policies=(NONE, GEOMETRY, CUTMIX),
        seeds=5,
    ),
    # four times as long, for the same first seed
    "cifar10_few_long": replace(_FEW, epochs=(120,), seeds=1),
    "ham10000_few_long": replace(
        _FEW, reader="ham10000", ratio=None, total=None, image_size=32, epochs=(120,), seeds=1
    ),
}
# What was the length of the default from 2000 pictures on, 12,000 steps of 64
_LONG = Routine(epochs=(69,), decays=(2e-4, 5e-4), policies=(GEOMETRY, TRIVIAL), stages=("decays",))
LONG: Mapping[str, Routine] = {
    "cifar10_long": _LONG,
    "ham10000_long": replace(_LONG, reader="ham10000_whole", ratio=None, image_size=32, epochs=(114,)),
}
# What was the default at those lengths, by batch, beside training without SAM-A that makes as many passes
DEFAULT: Mapping[str, Routine] = {
    **{
        name.replace("_long", "_default"): replace(
            long,
            method=ASYMMETRIC,
            batches=(32, 64),
            decays=(2e-4,),
            policies=(TRIVIAL,),
            stages=("passes", "smoothing", "sampling"),
        )
        for name, long in LONG.items()
    },
    **{
        f"{name}_default": replace(
            FEW[few], batches=(16,), policies=FEW[few].policies[:2], stages=("passes", "smoothing", "sampling")
        )
        for name, few in (
            ("cifar10_few", "cifar10_few_long"),
            ("ham10000_few", "ham10000_few_long"),
            ("digits_few", "digits_few"),
        )
    },
    # the same of the network that the default takes for pictures of their size
    **{
        name.replace("_long", "_resnet20"): replace(
            long, model="resnet20", batches=(32,), decays=(2e-4,), policies=(TRIVIAL,), stages=("smoothing",)
        )
        for name, long in LONG.items()
    },
    "digits_rarer_default": replace(
        FEW["digits_few"], ratio=0.01, batches=(16,), policies=(GEOMETRY,), stages=("smoothing", "sampling")
    ),
}
ROUTINES: Mapping[Scale, Mapping[str, Routine]] = {
    "smoke": {
        "digits": replace(
            _DIGITS,
            epochs=(1,),
            batch=64,
            batches=(64,),
            decays=(2e-4,),
            radii=(0.1,),
            policies=(NONE, TRIVIAL, BOTH),
            seeds=1,
        )
    },
    "small": {"cifar10": Routine(), "digits": _DIGITS, **FEW, **LONG, **DEFAULT},
    "full": {
        "cifar10": Routine(model="resnet20", epochs=(24, 48, 72, 174), seeds=2),  # of 174 steps
        "digits": _DIGITS,
    },
}

"""What the studies of a table or figure would take: by the time of a step that was measured, before any data are read.

``--dry-run`` measures on the machine at hand instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from tailtune.data.longtail import counts_of_maximum, counts_of_minority, counts_of_total, shares
from tailtune.named_settings import home
from tailtune.paper.page import Planned, Scale
from tailtune.run.folder import OF_DECISION
from tailtune.study.estimate import Cost


class Pictures(NamedTuple):
    """Training rows of a set of pictures: its classes, the largest of them, and the side in pixels."""

    classes: int
    most: int
    side: int


# Of one core of an AMD EPYC in bf16, a training step of one picture of 32 px: benchmarks/picture_times.json. An Intel
# Xeon took 1.3 times as long, see benchmarks/shortcut_layout.json.
MILLISECONDS: Mapping[str, float] = {
    "resnet8": 0.49,
    "resnet20": 1.21,
    "resnet32": 1.94,
    "wrn-16-4": 6.84,
    "vgg11_bn": 4.71,
    "mobilenetv2_100": 6.56,
    "resnet18": 11.09,
    "efficientnet_b0": 12.67,
    "wrn-28-10": 78.46,
}
# Millions of floating-point operations of the same, counted by torch.utils.flop_counter.
OPERATIONS: Mapping[str, float] = {
    "resnet8": 73,
    "resnet20": 242,
    "resnet32": 412,
    "vgg11_bn": 913,
    "mobilenetv2_100": 1_002,
    "vgg16_bn": 1_876,
    "wrn-16-4": 2_355,
    "efficientnet_b0": 2_630,
    "inception_v3": 3_079,
    "resnet18": 3_329,
    "densenet121": 5_327,
    "resnet34": 6_953,
    "resnet50": 7_783,
    "resnetv2_50x1_bit": 7_783,  # as ResNet-50
    "resnet101": 15_056,
    "resnet152": 22_329,
    "wrn-28-10": 31_459,
    "resnext50_32x4d": 805,  # with its published stem, which leaves 224 px 39,470
    "swinv2_tiny_window8_256": 552,  # of 64 px 2,207
    "convnext_tiny": 1_581,  # of 64 px 6,324
}
GPU = 1.5e7  # millions of operations a second: a tenth or less of what such a machine does at best; not measured
SIDE = 32
STEP = 0.004  # seconds of the smallest step, whatever the pictures
TRAINING = 1.0  # seconds to build a network, score the test rows and write
TREES: Mapping[str, float] = {"xgboost": 1.2, "linear-svc": 1.0}  # seconds of processor time, for 7,000 rows
PASSES: Mapping[str, float] = {  # time of a step over plain training's: measured, but for the sums of several
    "sam": 1.8,
    "sama": 1.8,
    "sama_smoothing": 1.8,
    "joint_ssl": 3.0,
    "joint_ssl_sama": 5.4,
    "joint_ssl_sama_smoothing": 5.4,
    "joint_ssl_sama_m2m": 5.7,
    "m2m": 1.6,
    "simclr_finetune": 3.0,  # as many epochs with two views before
    "vicreg_finetune": 3.0,
    "simclr_probe": 2.5,
}
SETS: Mapping[str, Pictures] = {
    "cifar10": Pictures(10, 5000, 32),
    "held_out:cifar10": Pictures(10, 4500, 32),
    "training_rows:cifar10": Pictures(10, 5000, 32),
    "training_rows:cifar100": Pictures(100, 500, 32),
    "cifar100": Pictures(100, 500, 32),
    "cinic10": Pictures(10, 9000, 32),
    "tiny_imagenet": Pictures(200, 500, 64),
    "binary_cifar10": Pictures(2, 5000, 32),
    "digits": Pictures(10, 110, 8),
    "held_out:digits": Pictures(10, 100, 8),
    "held_out:ham10000": Pictures(7, 171, 64),
    "held_out:ham10000_whole": Pictures(7, 973, 64),
    "training_rows:digits": Pictures(10, 110, 8),
    # as they are, with the mean size of their classes
    "ham10000": Pictures(7, 1200, 64),
    "siim": Pictures(2, 13_000, 256),
    "siim_with_2019": Pictures(2, 23_000, 256),
    "aptos": Pictures(5, 586, 256),
    "eurosat": Pictures(10, 2160, 64),
}


def hours(planned: Mapping[str, Planned], scale: Scale) -> float:
    """Return hours of one processor core, at full of one GPU, that studies take together.

    Args:
        planned: the studies by name.
        scale: of them.
    """
    return (
        sum(
            _seconds_of(one, gpu=scale == "full") if one.hours is None else 3600 * one.hours for one in planned.values()
        )
        / 3600
    )


def _seconds_of(one: Planned, gpu: bool) -> float:
    study = one.study
    trained = {  # arms that differ in the decision share a training
        tuple(sorted((key, repr(value)) for key, value in arm.changes.items() if key not in OF_DECISION)): arm.changes
        for arm in study.arms
    }
    return study.seeds * sum(
        _of_training({**vars(study), **changes}, data, ratio, gpu)
        for data in study.data
        for ratio in study.ratios or (None,)
        for changes in trained.values()
    )


def _of_training(run: Mapping[str, Any], data: str, ratio: float | None, gpu: bool) -> float:
    model = home(str(run["model"]))
    if model in TREES:
        return TRAINING + TREES[model]
    pictures = SETS[data.removeprefix("tailtune.paper.")]
    side = run["image_size"] or pictures.side
    rows = rows_at(pictures, ratio, run)
    passes = passes_of(str(run["method"]))
    each = (OPERATIONS[model] / GPU if gpu else MILLISECONDS[model] / 1000) * (side / SIDE) ** 2
    steps: int = run["epochs"] * math.ceil(rows / run["batch_size"])
    return TRAINING + passes * max(float(run["epochs"] * rows * each), steps * STEP)


def rows_at(pictures: Pictures, ratio: float | None, run: Mapping[str, Any]) -> int:
    """Return the training rows at a ratio.

    >>> rows_at(SETS["cifar10"], 0.01, {"profile": None, "total": None, "minority": None})
    12406
    """
    if ratio is None:
        return pictures.classes * pictures.most
    relative = shares(run["profile"] or "exponential", pictures.classes, ratio)
    if run["total"] is not None:
        return int(counts_of_total(relative, run["total"])[0].sum())
    if run["minority"] is not None:
        return int(counts_of_minority(relative, run["minority"])[0].sum())
    return int(counts_of_maximum(relative, pictures.most)[0].sum())


def passes_of(method: str) -> float:
    """Return the time of a method's step over that of plain training.

    >>> passes_of("tailtune.paper.assembled:assembled(ssl=True, sharpness=True)")
    3.6
    """
    name, _, settings = method.partition("(")
    if name.endswith(":assembled"):
        return (2.0 if "ssl=True" in settings else 1.0) * (1.8 if "sharpness=True" in settings else 1.0)
    return PASSES.get(name, 1.0)


def expected(cost: Cost, used: Mapping[str, float]) -> Cost:
    """Return `cost` where arms take only a share of their epochs.

    Args:
        cost: with all epochs.
        used: the shares, by arm.
    """
    rows = tuple(
        row if row.seconds is None else replace(row, seconds=row.seconds * used.get(row.arm, 1.0)) for row in cost.rows
    )
    seconds = sum((row.seconds or 0.0) * (row.runs - row.cached + row.trials) for row in rows)
    return replace(cost, rows=rows, hours=seconds / cost.jobs / 3600)

"""MiSLAS: mixup first, then label-aware smoothing and class scales on a frozen network (Zhong et al. 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tailtune.methods.lws import add_scales, fold_scales
from tailtune.methods.method import Method, Stage
from tailtune.methods.mixup import mixup
from tailtune.methods.search import Choice, Space, Uniform
from tailtune.profile import ClassProfile

SEARCH: Space = {
    "smooth_head": Uniform(0.1, 0.5),
    "smooth_tail": Uniform(0.0, 0.1),
    "head_lr": Choice((0.1, 0.2, 0.5)),
    "shift_bn": Choice((False, True)),
}


@dataclass(frozen=True)
class Constants:
    """What the source sets for one benchmark; the names are those of `mislas`."""

    smooth_head: float
    smooth_tail: float
    head_lr: float
    shift_bn: bool


PUBLISHED = {  # by number of classes and ratio: CIFAR-10-LT and CIFAR-100-LT
    (10, 0.01): Constants(0.3, 0.0, 0.5, shift_bn=False),
    (10, 0.02): Constants(0.2, 0.0, 0.2, shift_bn=False),
    (10, 0.1): Constants(0.1, 0.0, 0.2, shift_bn=False),
    (100, 0.01): Constants(0.4, 0.1, 0.2, shift_bn=True),
    (100, 0.02): Constants(0.3, 0.0, 0.1, shift_bn=True),
    (100, 0.1): Constants(0.2, 0.0, 0.1, shift_bn=True),
}


def published_constants(profile: ClassProfile) -> Constants:
    """Return the constants of the benchmark whose number of classes, and then whose ratio, is nearest in logarithm.

    So up to 31 classes count as 10, a ratio under 0.0141 as 0.01, one over 0.0447 as 0.1, and an empty class as the
    smallest ratio.

    >>> published_constants(ClassProfile((500, 5))).smooth_head, published_constants(ClassProfile((90, 30))).smooth_head
    (0.3, 0.1)
    """
    k, ratio = math.log(profile.num_classes), math.log(max(profile.ratio, 1e-9))
    near = min(PUBLISHED, key=lambda case: (abs(math.log(case[0]) - k), abs(math.log(case[1]) - ratio)))
    return PUBLISHED[near]


def mislas(
    profile: ClassProfile,
    *,
    alpha: float = 1.0,
    smooth_head: float | None = None,
    smooth_tail: float | None = None,
    head_lr: float | None = None,
    shift_bn: bool | None = None,
    share: float = 0.05,
) -> Method:
    """Train with mixup, then the head and its class scales on balanced classes with label-aware smoothing.

    A setting that is None is that of `published_constants`.
    """
    from tailtune.losses.label_aware import label_aware_matrix
    from tailtune.sampling.balanced import ClassSampler

    constants = published_constants(profile)
    smooth_head = constants.smooth_head if smooth_head is None else smooth_head
    smooth_tail = constants.smooth_tail if smooth_tail is None else smooth_tail
    head_lr = constants.head_lr if head_lr is None else head_lr
    shift_bn = constants.shift_bn if shift_bn is None else shift_bn
    first = replace(mixup(profile, alpha=alpha).stages[0], head="linear")
    second = Stage(
        sampler=ClassSampler(),
        target_matrix=label_aware_matrix(profile.counts, smooth_head, smooth_tail),
        prepare=add_scales,
        finish=fold_scales,
        trainable=("head.",),
        lr_factors={"head.scale": 1.0, "head.": head_lr},
        batchnorm="shift" if shift_bn else None,
        share=share,
    )
    return Method("mislas", (first, second), balances=True, kinds=("image",))

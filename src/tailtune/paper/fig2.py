"""Figures 2, 6 and 7: what augmentation gains by train ratio, on all and on the rarest classes, and its variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tailtune.paper.classes import balanced, cell, gain, majority, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.paired import Paired
from tailtune.study.study import Arm

TITLE = "Figures 2, 6 and 7: augmentation by train ratio"
CLAIM = "the effects of data augmentation are greatly amplified on imbalanced data, especially for minority classes"
NONE, TRIVIAL, AUTO = "none", "trivialaugment", "autoaugment"
POLICIES: Mapping[Scale, tuple[str, ...]] = {
    "smoke": (NONE, TRIVIAL, AUTO),
    "small": (NONE, "flip", "crop", TRIVIAL, AUTO, "mixup", "cutout"),
    "full": (NONE, "flip", "crop", "augmix", TRIVIAL, AUTO, "mixup", "cutout", "erasing"),
}
RATIOS: Mapping[Scale, tuple[float, ...]] = {
    "smoke": (0.1, 1.0),
    "small": (0.1, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}
OF: Mapping[str, Callable[[Row], float]] = {
    "rarest fifth of classes": minority,
    "all classes": balanced,
    "largest fifth of classes": majority,
}
RARE, ALL = "rarest fifth of classes", "all classes"


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of policies at every ratio: on CIFAR-100 and CIFAR-10 at full.

    At small rows are few and epochs many, because augmentation gains where training fits its rows; and at a ratio of
    0.01 nothing of the rarest classes would be right without, of which gains are shares.

    Raises what `planned` raises.
    """
    sets = ("cifar100", "cifar10") if scale == "full" else ()
    fitted = {"total": 2000, "epochs": 60} if scale == "small" else {}
    arms = [Arm(name, {"policy": name}) for name in POLICIES[scale]]
    return planned(scale, asked, arms, RATIOS[scale], sets, **fitted)


def gains(rows: Sequence[Row], ratio: float, policy: str, of: str) -> dict[int, float]:
    """Gain over training without augmentation as a share of that, by seed; without seeds where that is 0."""
    with_, without = (
        {int(row["seed"]): OF[of](row) for row in rows if row["ratio"] == ratio and row["arm"] == name}
        for name in (policy, NONE)
    )
    found = {seed: gain(with_[seed], without[seed], by=without[seed]) for seed in sorted(with_.keys() & without.keys())}
    return {seed: value for seed, value in found.items() if value is not None}


def variance(rows: Sequence[Row], ratio: float, of: str) -> dict[int, float]:
    """Variance of the gain over the kinds of augmentation, by seed, in squares of shares."""
    each = [gains(rows, ratio, policy, of) for policy in _policies(rows)]
    seeds = set.intersection(*map(set, each)) if len(each) > 1 else set()
    return {seed: float(np.var([found[seed] for found in each], ddof=1)) for seed in sorted(seeds)}


def _policies(rows: Sequence[Row]) -> list[str]:
    return [name for name in dict.fromkeys(str(row["arm"]) for row in rows) if name != NONE]


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return the gain of every policy at every ratio, on all classes and on the rarest, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        lines = []
        for policy in _policies(own):
            cells = [cell(list(gains(own, ratio, policy, of).values())) for ratio in ratios for of in (ALL, RARE)]
            lines.append((policy, *cells))
        made.append(
            Table(
                f"{study}: gain in accuracy over training without augmentation in per cent of that, mean ± standard "
                "error over paired seeds; balanced test rows. Seeds whose accuracy without augmentation is 0 are left "
                "out.",
                ("policy", *(f"ratio {ratio:g}, {of}" for ratio in ratios for of in (ALL, RARE))),
                tuple(lines),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return, for each data set, TrivialAugment's gain, the variance over policies, and the gain of every policy."""
    made = {}
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        groups = Panel(
            "TrivialAugment",
            "train ratio",
            "gain over no augmentation",
            {of: {ratio: list(gains(own, ratio, TRIVIAL, of).values()) for ratio in ratios} for of in OF},
            log=10,
        )
        spread = Panel(
            "variance over policies",
            "train ratio",
            "variance of the gain, (per cent)²",
            {
                of: {ratio: [1e4 * value for value in variance(own, ratio, of).values()] for ratio in ratios}
                for of in OF
            },
            log=10,
            percent=False,
        )
        each = Panel(
            "all classes",
            "train ratio",
            "gain over no augmentation",
            {
                policy: {ratio: list(gains(own, ratio, policy, ALL).values()) for ratio in ratios}
                for policy in _policies(own)
            },
            log=10,
        )
        made[f"fig2-{study}"] = panels([groups, spread], f"fig2-{study}", f"{study}: augmentation by train ratio")
        made[f"fig6-{study}"] = panels([each], f"fig6-{study}", f"{study}: policies by train ratio")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether gains are larger for rare classes and on imbalanced data, and which policy is best where."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        low, high = ratios[0], ratios[-1]
        if low == high:
            continue
        found += [
            judged(
                f"{study}: augmentations yield far bigger improvements on minority classes",
                "a figure",
                {f"rarest over all classes at {low:g}": _between(own, (low, TRIVIAL, RARE), (low, TRIVIAL, ALL))},
                own,
                "per cent of accuracy",
            ),
            judged(
                f"{study}: {CLAIM}",
                "a figure",
                {
                    f"{of} at {low:g} over {high:g}": _between(own, (low, TRIVIAL, of), (high, TRIVIAL, of))
                    for of in (ALL, RARE)
                },
                own,
                "per cent of accuracy",
            ),
            judged(
                f"{study}: variance across augmentation types on imbalanced data is much greater for minority classes",
                "a figure",
                {f"rarest over all classes at {low:g}": _paired(variance(own, low, RARE), variance(own, low, ALL))},
                own,
                "square per cent of accuracy",
                1e4,
            ),
            judged(
                f"{study}: TrivialAugment outperforms AutoAugment on balanced training data, AutoAugment on imbalanced",
                "a figure",
                {
                    f"TrivialAugment over AutoAugment at {high:g}": _between(
                        own, (high, TRIVIAL, ALL), (high, AUTO, ALL)
                    ),
                    f"AutoAugment over TrivialAugment at {low:g}": _between(own, (low, AUTO, ALL), (low, TRIVIAL, ALL)),
                },
                own,
                "per cent of accuracy",
            ),
        ]
    return tuple(found)


def _between(rows: Sequence[Row], one: tuple[float, str, str], other: tuple[float, str, str]) -> Paired | None:
    return _paired(gains(rows, *one), gains(rows, *other))


def _paired(one: Mapping[int, float], other: Mapping[int, float]) -> Paired | None:
    return above_zero([one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())])

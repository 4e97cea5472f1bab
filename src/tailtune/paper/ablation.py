"""`ablation`: what each part of the paper's routine adds, one after the other, and what is missing without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tailtune.paper.classes import balanced, cell, minority
from tailtune.paper.decisions import DECISIONS, both, decided
from tailtune.paper.intervals import intervals
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study
from tailtune.paper.verdict import difference, in_points, judged
from tailtune.study.paired import Paired
from tailtune.study.study import Arm

TITLE = "The parts of the routine, which the paper does not take apart"
CLAIM = (
    "simply tuning existing components of standard deep learning pipelines, such as the batch size, data augmentation, "
    "optimizer, and label smoothing, can achieve state-of-the-art performance without any such specialized class "
    "imbalance methods"
)
Parts = Mapping[str, Any]
ERM = "plain ERM"
PLAIN: Parts = {  # what the parts below change
    "batch": 128,
    "augmentation": "",
    "cutmix": False,
    "smoothing": "none",
    "ema": 0.0,
    "weight_decay": 2e-4,
    "ssl": False,
    "sharpness": False,
}
BLOCKS: Mapping[str, Parts] = {  # the existing components, in the order in which they are added
    "small batches": {"batch": 32},
    "TrivialAugment": {"augmentation": "+trivialaugment"},
    "CutMix": {"cutmix": True},
    "label smoothing": {"smoothing": "plain"},
    "weight average": {"ema": 0.999},
    "weight decay 5e-4": {"weight_decay": 5e-4},
}
MODIFIED: Mapping[str, Parts] = {  # the paper's own three
    "Joint-SSL": {"ssl": True},
    "SAM-A": {"sharpness": True},
    "class-conditional smoothing": {"smoothing": "by_class"},
}
STEPS = {**BLOCKS, **MODIFIED}
AT_SMOKE = ("weight decay 5e-4", "class-conditional smoothing")  # the last of each kind
ROUTINE, WHOLE = f"+ {list(BLOCKS)[-1]}", f"+ {list(MODIFIED)[-1]}"  # arms with all blocks, and with all parts
AUTO = "AutoAugment instead of TrivialAugment"
NETWORKS: Mapping[Scale, tuple[str, str]] = {  # of all arms, and the one that is compared with it
    "smoke": ("resnet8", "resnet20"),
    "small": ("resnet8", "resnet20"),
    "full": ("wrn-28-10", "resnet34"),  # 36 and 21 million parameters
}
EPOCHS: Mapping[Scale, int | None] = {"smoke": None, "small": 16, "full": None}


def without(part: str) -> str:
    """The name of the arm that leaves a part out.

    >>> without("CutMix")
    'without CutMix'
    """
    return f"without {part}"


def network(name: str) -> str:
    """The name of the arm with another network."""
    return f"network {name}"


def changes(parts: Parts) -> dict[str, Any]:
    """Return the fields of a run that has these parts."""
    method = "tailtune.paper.assembled:assembled"
    settings = ", ".join(f"{name}={parts[name]}" for name in ("ssl", "sharpness", "smoothing"))
    return {
        "batch_size": parts["batch"],
        "policy": f"flip+crop{parts['augmentation']}{'+cutmix' if parts['cutmix'] else ''}",
        "ema": parts["ema"],
        "weight_decay": parts["weight_decay"],
        "method": f"{method}({settings})",
    }


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return one study: the parts one after the other, then the routine without each of them, and other networks.

    What is left out is left out of the existing components together at smoke and small, where each part of the paper's
    own would double the time, and of all parts at full. Raises what `planned` raises.
    """
    parts, arms = dict(PLAIN), [Arm(ERM, changes(PLAIN))]
    routine: dict[str, Any] = {}
    steps = {name: change for name, change in STEPS.items() if scale != "smoke" or name in AT_SMOKE}
    for name, change in steps.items():
        parts |= change
        arms.append(Arm(f"+ {name}", changes(parts)))
        if name in BLOCKS:
            routine = dict(parts)
    for name, change in steps.items():
        base = parts if name in MODIFIED or scale == "full" else routine
        less = {key: PLAIN[key] for key in change}
        if name == "class-conditional smoothing":
            less = {"smoothing": "plain"}  # the step before
        arms.append(Arm(without(name), changes({**base, **less})))
    base = parts if scale == "full" else routine
    arms.append(Arm(AUTO, changes({**base, "augmentation": "+autoaugment"})))
    own, other = NETWORKS[scale]
    arms.append(Arm(network(other), {**changes(base), "model": other}))
    ratio = 0.1 if scale == "smoke" else 0.01
    total = {"smoke": None, "small": 5000, "full": None}[scale]
    found = planned(scale, asked, both(arms), (ratio,), model=own, epochs=EPOCHS[scale], total=total)
    baseline = decided(ERM, "none")
    return {name: replace(one, study=replace(one.study, baseline=baseline)) for name, one in found.items()}


def _base(rows: Sequence[Row], part: str = "") -> str:
    """The arm that a part is left out of."""
    return WHOLE if part in MODIFIED or any(row["scale"] == "full" for row in rows) else ROUTINE


def added(rows: Sequence[Row], figure: str = "balanced") -> dict[str, dict[str, Paired | None]]:
    """What each part adds to those before it, by decision, in shares."""
    names = [ERM, *(f"+ {name}" for name in STEPS)]
    return {part: _compared(rows, f"+ {part}", before, figure) for part, before in zip(STEPS, names[:-1], strict=True)}


def missed(rows: Sequence[Row], figure: str = "balanced") -> dict[str, dict[str, Paired | None]]:
    """What is lost without each part, by decision, in shares."""
    return {part: _compared(rows, _base(rows, part), without(part), figure) for part in STEPS}


def _compared(rows: Sequence[Row], arm: str, other: str, figure: str) -> dict[str, Paired | None]:
    scored = [{**row, "balanced": balanced(row), "minority": minority(row)} for row in rows]
    return {
        words: difference(scored, decided(arm, decision), decided(other, decision), figure)
        for decision, words in DECISIONS.items()
    }


def _others(rows: Sequence[Row]) -> dict[str, dict[str, Paired | None]]:
    """Arms that have something else in place of a part, over the one that they differ from."""
    names = dict.fromkeys(str(row["arm"]).rpartition(", ")[0] for row in rows)
    return {
        arm: _compared(rows, arm, _base(rows), "balanced")
        for arm in names
        if arm == AUTO or arm.startswith(network(""))
    }


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return accuracy of every arm under both decisions, and what each part is worth."""
    made = []
    for study, own in by_study(rows).items():
        names = dict.fromkeys(str(row["arm"]).rpartition(", ")[0] for row in own)
        lines = [
            (
                arm,
                *(
                    cell([of(row) for row in own if row["arm"] == decided(arm, decision)])
                    for of in (balanced, minority)
                    for decision in DECISIONS
                ),
            )
            for arm in names
        ]
        seeds = len({row["seed"] for row in own})
        made.append(
            Table(
                f"{study} at ratio {own[0]['ratio']:g}: accuracy on balanced test rows in per cent, mean ± standard "
                f"error over {seeds} seeds, by argmax and with the log class priors off; rarest is the smallest fifth "
                f"of the classes. + adds to the line above; without leaves out of “{_base(own)}”, and what is the "
                f"paper's own of “{WHOLE}”. Both smoothings have the same mean over training rows.",
                ("arm", *(f"{what}{words}" for what in ("", "rarest, ") for words in DECISIONS.values())),
                tuple(lines),
            )
        )
        worth = [("added", added(own)), ("left out", missed(own)), ("instead", _others(own))]
        made.append(
            Table(
                f"{study}: what each part is worth in points of accuracy, with 95 % intervals over paired seeds: with "
                "it minus before it, or minus without it; for what stands instead, minus the arm that it differs from.",
                ("part", "how", *DECISIONS.values()),
                tuple(
                    (part, how, *(in_points(one) for one in each.values()))
                    for how, found in worth
                    for part, each in found.items()
                    if any(each.values())
                ),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return what each part is worth, added and left out."""
    return {
        f"ablation-{study}": intervals(
            {
                "added to the parts above it": added(own),
                "the routine minus the routine without it": missed(own),
                "instead of what the routine has": _others(own),
            },
            f"ablation-{study}",
            f"{study}: what each part of the routine is worth",
            "points of accuracy, 95 % interval",
        )
        for study, own in by_study(rows).items()
    }


PRESCRIBED: Mapping[str, str] = {  # by part, in the paper's words
    "small batches": "the impact of batch size is much more pronounced under imbalance, where small batch sizes shine",
    "TrivialAugment": "data augmentations have an amplified impact on performance under class imbalance",
    "label smoothing": "label smoothing helps prevent overfitting",
    "class-conditional smoothing": "label smoothing, especially on minority class examples, helps prevent overfitting",
    "Joint-SSL": "adding a self-supervised loss during training can lead to performance boosts",
}


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the routine beats plain training, and whether each part that the paper prescribes helps."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        found.append(
            judged(
                f"{study}: {CLAIM}; here: the existing components together improve on plain training",
                "not ablated",
                {f"{words}, over {ERM}": one for words, one in _compared(own, ROUTINE, ERM, "balanced").items()},
                own,
            )
        )
        left = missed(own)
        found += [
            judged(f"{study}: {words}", "not ablated", {f"{part}, {how}": one for how, one in left[part].items()}, own)
            for part, words in PRESCRIBED.items()
        ]
        rare = missed(own, "minority")["SAM-A"]
        found.append(
            judged(
                f"{study}: a small modification of SAM significantly improves minority-group accuracy",
                "not ablated",
                {f"SAM-A on the rarest fifth, {how}": one for how, one in rare.items()},
                own,
            )
        )
        for arm, each in _others(own).items():
            words = (
                "AutoAugment emerges as the most effective for imbalanced data"
                if arm == AUTO
                else "performance on imbalanced data peaks at a size with 20 million parameters"
            )
            found.append(judged(f"{study}: {words}", "a figure", {f"{arm}, {h}": one for h, one in each.items()}, own))
    return tuple(found)

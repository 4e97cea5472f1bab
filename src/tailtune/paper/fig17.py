"""Figure 17: accuracy on the training rows after every epoch, by train ratio, without any regularisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tailtune.paper.classes import cell
from tailtune.paper.curves import Panel, panels
from tailtune.paper.looked_into import watched
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.paired import Paired
from tailtune.study.study import Arm

TITLE = "Figure 17: training accuracy by epoch and ratio"
CLAIM = (
    "although fitting all training examples takes longer as we increase the imbalance ratio of our datasets, the "
    "empirical risk minimization successfully fits all training data eventually, including minority samples"
)
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 0.1, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}
SETS: Mapping[Scale, Sequence[str]] = {"smoke": ("digits",), "small": ("cifar10",), "full": ("cifar10", "cifar100")}
PLAIN = {"lr": 0.5, "weight_decay": 0.0, "policy": "none", "test_curve": True, "ema": 0.0}
SETTINGS: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {},
    "small": {"model": "resnet20", "epochs": 60, "total": 2000},
    "full": {},
}
FITTED = 0.99  # of the training rows; ours, the paper names no share
HALF = 0.5  # of them, for the time that it takes
ALL, RARE = "all classes alike", "rarest fifth of classes"
CURVES = {ALL: "curve", RARE: "rare_curve"}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of ratios with a rate of 0.5, a cosine and no weight decay, scored on the training rows.

    Raises what `planned` raises.
    """
    found = planned(scale, asked, [Arm("ERM")], RATIOS[scale], SETS[scale], **{**PLAIN, **SETTINGS[scale]})
    return {
        name: replace(one, study=replace(one.study, data=(f"tailtune.paper.training_rows:{name}",)), columns=watched)
        for name, one in found.items()
    }


def curve(row: Row, of: str) -> list[float]:
    """Accuracy on the training rows after each epoch."""
    return [float(value) for value in str(row[CURVES[of]]).split()]


def first_epoch(row: Row, of: str, share: float = HALF) -> int | None:
    """The first epoch after which so large a share of the rows is right; None where there is none."""
    return next((epoch for epoch, value in enumerate(curve(row, of), 1) if value >= share), None)


def _by_ratio(rows: Sequence[Row]) -> dict[float, list[Row]]:
    return {ratio: [row for row in rows if row["ratio"] == ratio] for ratio in ratios_of(rows)}


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return the share that is fitted in the end, and the epoch from which half is, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        lines = []
        for ratio, each in _by_ratio(own).items():
            ends = [cell([curve(row, of)[-1] for row in each]) for of in CURVES]
            firsts = [[first_epoch(row, of) for row in each] for of in CURVES]
            epochs = [cell([float(found) for found in firsts_ if found is not None], 1.0, 1) for firsts_ in firsts]
            lines.append((f"{ratio:g}", *ends, *epochs))
        made.append(
            Table(
                f"{study}: accuracy on the training rows in per cent after the last of {len(curve(own[0], ALL))} "
                "epochs, and the first epoch from which half of them are right; mean ± standard error over seeds. "
                "Training rows are taken as they are; there is no augmentation.",
                ("train ratio", *CURVES, *(f"half of {of}" for of in CURVES)),
                tuple(lines),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return accuracy on the training rows by epoch, for each data set."""
    made = {}
    for study, own in by_study(rows).items():
        shown = [
            Panel(
                of,
                "epoch",
                "training accuracy",
                {
                    f"train ratio {ratio:g}": {
                        float(epoch): list(values)
                        for epoch, values in enumerate(zip(*(curve(row, of) for row in each), strict=True), 1)
                        if epoch % max(1, len(curve(each[0], of)) // 20) == 0 or epoch == 1
                    }
                    for ratio, each in _by_ratio(own).items()
                },
            )
            for of in CURVES
        ]
        made[f"fig17-{study}"] = panels(shown, f"fig17-{study}", f"{study}: training accuracy by epoch")
    return made


def _fitted(ends: Sequence[float]) -> Paired | None:
    """How far the fitted share of training rows is above `FITTED`, a seed each.

    Where every seed fits every row there is no spread, and none could fit more: the interval is that point.
    """
    found = above_zero([end - FITTED for end in ends])
    if found is None or found.mean is None or found.n < 2 or min(ends) < 1:
        return found
    return replace(found, standard_error=0.0, interval=(found.mean, found.mean))


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether minority rows are fitted in the end, and whether it takes longer on imbalanced data."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        low, high = ratios[0], ratios[-1]
        by_ratio = _by_ratio(own)
        ends = {
            f"rarest fifth at {ratio:g}, over {FITTED:.0%}": _fitted([curve(row, RARE)[-1] for row in by_ratio[ratio]])
            for ratio in ratios
        }
        late = {}
        if low != high:
            epochs = {
                ratio: {int(row["seed"]): first_epoch(row, RARE) for row in by_ratio[ratio]} for ratio in (low, high)
            }
            longest = len(curve(own[0], RARE)) + 1  # where half was never fitted, at least that
            gaps = [
                float((epochs[low][seed] or longest) - (epochs[high][seed] or longest))
                for seed in sorted(epochs[low].keys() & epochs[high].keys())
            ]
            late = {f"epochs to half of the rarest fifth, {low:g} minus {high:g}": above_zero(gaps)}
        found += [
            judged(
                f"{study}: ERM successfully fits all training data eventually, including minority samples; here: "
                f"{FITTED:.0%} of them",
                "a figure",
                ends,
                own,
            ),
            judged(
                f"{study}: fitting all training examples takes longer as we increase the imbalance ratio",
                "a figure",
                late,
                own,
                "epochs",
                1.0,
            ),
        ]
    return tuple(found)

"""Figures 1 and 5: the gain over batches of 128 by batch size and train ratio (Equation 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tailtune.paper.classes import cell, gain
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.study import axis

TITLE = "Figures 1 and 5: batch size by train ratio"
CLAIM = "batch size has a much greater impact in highly imbalanced settings and very little impact in balanced settings"
REFERENCE = 128
BATCHES: Mapping[Scale, tuple[int, ...]] = {
    "smoke": (32, 128),
    "small": (16, 64, 128, 256),
    "full": (8, 16, 32, 64, 128, 256, 512),
}
RATIOS: Mapping[Scale, tuple[float, ...]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 1.0),
    "full": (0.001, 0.01, 0.1, 1.0),
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of batch sizes at every ratio, all with the learning rate of the scale.

    At full it is on CIFAR-100 (Figure 1) and CIFAR-10 (Figure 5). Raises what `planned` raises.
    """
    sets = ("cifar100", "cifar10") if scale == "full" else ()
    epochs = 24 if scale == "small" else None
    return planned(scale, asked, axis("batch_size", BATCHES[scale]), RATIOS[scale], sets, epochs=epochs)


def gains(rows: Sequence[Row], study: str, ratio: float) -> dict[int, dict[int, float]]:
    """Equation 1 by batch size and seed: (Acc_b - Acc_128) / Acc_b, of trainings that share the seed."""
    accuracy: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["study"] == study and row["ratio"] == ratio:
            accuracy.setdefault(int(row["batch_size"]), {})[int(row["seed"])] = float(row["accuracy"])
    base = accuracy.get(REFERENCE, {})
    found: dict[int, dict[int, float]] = {}
    for batch, seeds in sorted(accuracy.items()):
        each = {seed: gain(value, base[seed], by=value) for seed, value in seeds.items() if seed in base}
        found[batch] = {seed: value for seed, value in each.items() if value is not None}
    return found


def per_halving(found: Mapping[int, Mapping[int, float]]) -> dict[int, float]:
    """Least-squares slope of the gain over halvings of the batch, for each seed that has all batch sizes."""
    seeds = set.intersection(*(set(each) for each in found.values())) if len(found) > 1 else set()
    halvings = [-math.log2(batch) for batch in found]
    return {seed: float(np.polyfit(halvings, [found[batch][seed] for batch in found], 1)[0]) for seed in sorted(seeds)}


def _places(rows: Sequence[Row]) -> dict[str, list[float]]:
    """The ratios of each study, the most imbalanced first."""
    studies = dict.fromkeys(str(row["study"]) for row in rows)
    return {study: sorted({float(row["ratio"]) for row in rows if row["study"] == study}) for study in studies}


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return the gain of every batch size at every ratio, for each data set."""
    made = []
    for study, ratios in _places(rows).items():
        found = {ratio: gains(rows, study, ratio) for ratio in ratios}
        batches = sorted({batch for each in found.values() for batch in each})
        made.append(
            Table(
                f"{study}: (accuracy - accuracy at batches of {REFERENCE}) / accuracy in per cent (Equation 1 as "
                "printed), mean ± standard error over seeds that are paired; balanced test rows. The learning rate is "
                "the same for all batch sizes.",
                ("batch size", *(f"ratio {ratio:g}" for ratio in ratios)),
                tuple(
                    (str(batch), *(cell(list(found[ratio].get(batch, {}).values())) for ratio in ratios))
                    for batch in batches
                ),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return the gain by batch size, a curve a ratio and a panel a data set."""
    shown = [
        Panel(
            title=study,
            x="batch size",
            y=f"gain over batches of {REFERENCE}",
            curves={
                f"train ratio {ratio:g}": {
                    batch: list(each.values()) for batch, each in gains(rows, study, ratio).items()
                }
                for ratio in ratios
            },
            log=2,
        )
        for study, ratios in _places(rows).items()
    ]
    return {"fig1": panels(shown, "fig1", "Gain in accuracy by batch size and train ratio")}


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether smaller batches help on imbalanced data, and whether they matter less on balanced data."""
    found = []
    for study, ratios in _places(rows).items():
        rare, even = (per_halving(gains(rows, study, ratio)) for ratio in (ratios[0], ratios[-1]))
        own = [row for row in rows if row["study"] == study]
        both = sorted(rare.keys() & even.keys()) if len(ratios) > 1 else []
        unit = "per cent of accuracy for each halving of the batch"
        found += [
            judged(
                f"{study}: data with a high degree of class imbalance tends to benefit from smaller batch sizes",
                "a figure",
                {f"ratio {ratios[0]:g}": above_zero(list(rare.values()))},
                own,
                unit,
            ),
            judged(
                f"{study}: {CLAIM}",
                "a figure",
                {
                    f"size of the slope at {ratios[0]:g} over that at {ratios[-1]:g}": above_zero(
                        [abs(rare[seed]) - abs(even[seed]) for seed in both]
                    )
                },
                own,
                unit,
            ),
        ]
    return tuple(found)

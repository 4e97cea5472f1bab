"""The learning curves of a study: mean over the seeds of the baseline and of the best arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.report.inline_svg import HEIGHT, MARKERS, SERIES, WIDTH, canvas, described, in_percent, markup
from tailtune.report.legend import WATCHED, Mark, marks
from tailtune.study.learning_curve import Curve
from tailtune.study.statistics import Group
from tailtune.words import shortened

FEW_POINTS = 30  # up to here every epoch has a marker
Panel = Literal["train_loss", "balanced_accuracy"]
PANELS: dict[Panel, str] = {"train_loss": "training loss", "balanced_accuracy": "balanced accuracy on {} rows"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The figures of one data set with their legend.

    Attributes:
        marks: of the arms that are shown.
        panels: a figure each.
        more: number of arms that are not shown.
        test: whether the scores are those of test rows.
    """

    marks: tuple[Mark, ...]
    panels: tuple[str, ...]
    more: int
    test: bool


def learning_curves(
    curves: Sequence[Curve], group: Group, order: Sequence[str], baseline: str, slug: str
) -> Curves | None:
    """Return the legend and the figures of one data set; None where no training has a curve.

    Args:
        curves: of all trainings.
        group: the data set.
        order: its arms, the best first.
        baseline: always shown, first.
        slug: begins the unique ids of the figures.
    """
    own = [curve for curve in curves if (curve.dataset, curve.ratio) == (group.dataset, group.ratio)]
    there = {curve.arm for curve in own}
    arms = [arm for arm in (baseline, *(arm for arm in order if arm != baseline)) if arm in there]
    arms = arms[: len(SERIES)]
    if not arms:
        return None
    by_arm = [[curve for curve in own if curve.arm == arm] for arm in arms]
    stated = [panel for panel in PANELS if any(getattr(curve, panel) for each in by_arm for curve in each)]
    return Curves(
        marks=tuple(marks(arms)),
        panels=tuple(_drawn(by_arm, panel, slug) for panel in stated),
        more=len(there) - len(arms),
        test=any(curve.part == "test" for curve in own),
    )


def _drawn(by_arm: Sequence[Sequence[Curve]], panel: Panel, slug: str) -> str:
    parts = [curve.part for curves in by_arm for curve in curves if curve.part]
    label = PANELS[panel].format(WATCHED[parts[0]] if parts else "")
    ends = []
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for i, curves in enumerate(by_arm):
            epochs, mean, low, high = _over_seeds([curve for curve in curves if getattr(curve, panel)], panel)
            if not len(epochs):
                continue
            marker = MARKERS[i] if len(epochs) <= FEW_POINTS else ""
            axes.plot(epochs, mean, "-", color=SERIES[i], marker=marker, markersize=4)
            if marker == "":
                axes.plot(epochs[-1:], mean[-1:], MARKERS[i], color=SERIES[i], markersize=5)
            axes.fill_between(epochs, low, high, color=SERIES[i], alpha=0.15, linewidth=0)
            ends.append(f"{shortened(curves[0].arm)} ends at {mean[-1]:.3f}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if panel != "train_loss":
            in_percent(axes.yaxis)
        title = f"{label[0].upper()}{label[1:]} by epoch, mean over the seeds"
        return described(markup(figure, f"{slug}-{panel}", title), f"{slug}-{panel}", "; ".join(ends))


def _over_seeds(curves: Sequence[Curve], panel: Panel) -> tuple[Floats, Floats, Floats, Floats]:
    """Epochs that all seeds reached, and at each of them the mean, the least and the largest value."""
    if not curves:
        none = np.zeros(0)
        return none, none, none, none
    tables = [
        {epoch: value for epoch, value in zip(curve.epoch, getattr(curve, panel), strict=True) if value is not None}
        for curve in curves
    ]
    epochs = sorted(set.intersection(*(set(table) for table in tables)))
    values = np.array([[table[epoch] for epoch in epochs] for table in tables], dtype=np.float64)
    return np.array(epochs, dtype=np.float64), values.mean(0), values.min(0), values.max(0)

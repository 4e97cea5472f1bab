"""The learning curves of a comparison: mean over the seeds of the baseline and of the best methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.report.compare_figures import described
from tailtune.report.compare_verdict import shortened
from tailtune.report.figures import HEIGHT, WATCHED, WIDTH
from tailtune.report.inline_svg import MARKERS, SERIES, canvas, markup
from tailtune.report.view import GLYPHS, Mark

FEW_POINTS = 30  # up to here every epoch has a marker
PANELS = {"train_loss": "training loss", "balanced_accuracy": "balanced accuracy on {} rows"}
Floats = NDArray[np.float64]


def curves_view(
    curves: Sequence[Mapping[str, Any]], group: Mapping[str, Any], order: Sequence[str], baseline: str, slug: str
) -> dict[str, Any] | None:
    """Return the legend and the figures of one data set; None where no training has a curve.

    Args:
        curves: the "curves" of results.json.
        group: the data set, of the comparison.
        order: its methods, the best first.
        baseline: always shown, first.
        slug: begins the unique ids of the figures.
    """
    place = (group["dataset"], group["ratio"])
    own = [curve for curve in curves if (curve["dataset"], curve["ratio"]) == place]
    there = {curve["method"] for curve in own}
    names = [name for name in (baseline, *(name for name in order if name != baseline)) if name in there]
    names = names[: len(SERIES)]
    if not names:
        return None
    panels = [
        _panel([[curve for curve in own if curve["method"] == name] for name in names], names, key, slug)
        for key in PANELS
        if any(curve.get(key) for curve in own if curve["method"] in names)
    ]
    marks = [Mark(name, i, GLYPHS[i]) for i, name in enumerate(names)]
    watched = any(curve["part"] == "test" for curve in own)
    return {"marks": marks, "panels": panels, "more": len(there) - len(names), "test": watched}


def _panel(by_method: Sequence[Sequence[Mapping[str, Any]]], names: Sequence[str], key: str, slug: str) -> str:
    parts = [curve["part"] for curves in by_method for curve in curves if curve["part"]]
    label = PANELS[key].format(WATCHED[parts[0]] if parts else "")
    ends = []
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for i, (name, curves) in enumerate(zip(names, by_method, strict=True)):
            epochs, mean, low, high = _over_seeds([curve for curve in curves if curve.get(key)], key)
            if not len(epochs):
                continue
            marker = MARKERS[i] if len(epochs) <= FEW_POINTS else ""
            axes.plot(epochs, mean, "-", color=SERIES[i], marker=marker, markersize=4)
            if marker == "":
                axes.plot(epochs[-1:], mean[-1:], MARKERS[i], color=SERIES[i], markersize=5)
            axes.fill_between(epochs, low, high, color=SERIES[i], alpha=0.15, linewidth=0)
            ends.append(f"{shortened(name)} ends at {mean[-1]:.3f}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if key != "train_loss":
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        title = f"{label[0].upper()}{label[1:]} by epoch, mean over the seeds"
        return described(markup(figure, f"{slug}-{key}", title), f"{slug}-{key}", "; ".join(ends))


def _over_seeds(curves: Sequence[Mapping[str, Any]], key: str) -> tuple[Floats, Floats, Floats, Floats]:
    """Epochs that all seeds reached, and at each of them the mean, the least and the largest value."""
    if not curves:
        none = np.zeros(0)
        return none, none, none, none
    tables = [
        {epoch: value for epoch, value in zip(curve["epoch"], curve[key], strict=True) if value is not None}
        for curve in curves
    ]
    epochs = sorted(set.intersection(*(set(table) for table in tables)))
    values = np.array([[table[epoch] for epoch in epochs] for table in tables], dtype=np.float64)
    return np.array(epochs, dtype=np.float64), values.mean(0), values.min(0), values.max(0)

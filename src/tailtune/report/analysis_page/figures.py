"""The figures of analyses: values of each class, a mark a series."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.analysis.analysis import Figure
from tailtune.report.inline_svg import HEIGHT, MARKERS, MUTED, SERIES, SURFACE, WIDTH, canvas, in_percent, markup
from tailtune.words import shortened

NAMED = 40  # classes that are drawn one by one, with their names
LONGEST = 18  # characters of a name
ROW = 19  # points of height of each
WIDE = 30  # largest by smallest value from which on the axis is logarithmic


def by_class(figure: Figure, name: str) -> str:
    """Draw `figure`: of few classes a line each, whose marks a grey bar joins; of many, marks by rank of size."""
    values = np.array([list(series) for series in figure.series.values()], dtype=np.float64)  # None becomes NaN
    classes = len(figure.labels)
    named = classes <= NAMED
    with warnings.catch_warnings(), canvas(WIDTH, 70 + ROW * classes if named else HEIGHT) as drawn:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts write the names, not ours
        axes = drawn.subplots()
        place = np.arange(classes)
        if named:
            low, high = np.fmin.reduce(values), np.fmax.reduce(values)
            axes.hlines(place, low, high, color=MUTED, linewidth=1.5, alpha=0.45)
        for series in reversed(range(len(values))):
            across, along = (values[series], place) if named else (place + 1, values[series])
            axes.scatter(
                across,
                along,
                s=46 if named else 14,
                marker=MARKERS[series],
                facecolor=SERIES[series],
                edgecolor=SURFACE,
                linewidth=0.8,
                zorder=3,
            )
        if named:
            axes.set_yticks(place, [shortened(label, LONGEST) for label in figure.labels])
            axes.set_ylim(classes - 0.4, -0.6)
            axes.set_xlabel(figure.axis)
        else:
            axes.set_xlabel("class, from the largest to the smallest")
            axes.set_ylabel(figure.axis)
        _scale(axes, "x" if named else "y", values, figure.share)
        return markup(drawn, name, figure.title)


def _scale(axes: Any, along: str, values: NDArray[np.float64], share: bool) -> None:
    """Choose the axis of the values: shares in percent, what spans orders of magnitude on a logarithmic scale."""
    axis, known = getattr(axes, f"{along}axis"), values[np.isfinite(values)]
    if share:
        axes.set(**{f"{along}lim": (-0.04, 1.04)})
        in_percent(axis)
    elif len(known) and known.min() > 0 and known.max() > WIDE * known.min():
        axes.set(**{f"{along}scale": "log"})
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: "")
    elif len(known) and known.min() >= 0:
        axes.set(**{f"{along}lim": (-0.04 * known.max(), None)})
    elif len(known):
        getattr(axes, f"ax{'v' if along == 'x' else 'h'}line")(0, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))

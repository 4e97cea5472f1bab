"""The figures of analyses that are no values of classes: lines, surfaces and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.analysis.analysis import Lines, Regions, Surface
from tailtune.report.inline_svg import HEIGHT, INK, LINE, MARKERS, MUTED, SERIES, SURFACE, WIDTH, canvas, markup
from tailtune.words import shortened, whole

Floats = NDArray[np.float64]

LONGEST = 14  # characters of a label on an axis


def lines(figure: Lines, name: str) -> str:
    """Draw a line a series."""
    with canvas(WIDTH, HEIGHT) as drawn:
        axes = drawn.subplots()
        for i, values in enumerate(figure.series.values()):
            heights = np.array(list(values) + [None] * (len(figure.places) - len(values)), dtype=np.float64)
            if figure.logarithmic:
                heights = np.where(heights > 0, heights, np.nan)
            axes.plot(
                figure.places,
                heights,
                color=SERIES[i % len(SERIES)],
                marker=MARKERS[i % len(MARKERS)] if figure.marks or len(figure.series) > 1 else None,
                markersize=6.5 if figure.marks else 5,
                markeredgecolor=SURFACE,
                markevery=1 if figure.marks else max(1, len(figure.places) // 7),
                linewidth=1.5 if figure.marks else 2,
            )
        if figure.marks:
            axes.set_xticks(figure.places)
        if figure.logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: whole(round(value)) if value >= 1000 else f"{value:.3g}")
            axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel(figure.across)
        axes.set_ylabel(figure.up)
        return markup(drawn, name, figure.title)


def surface(figure: Surface, name: str) -> str:
    """Draw lines of equal height with their heights; one height is as dark in all surfaces of the same levels."""
    values = np.array(figure.values)
    colour = SERIES[figure.series]
    below = [level for level in figure.levels if level < values.max()]
    levels = [level for level in below if level > values.min()]
    with canvas(WIDTH, HEIGHT + 45) as drawn:
        axes = drawn.subplots()
        for level in below:
            axes.contourf(figure.x, figure.y, values, levels=[level, np.inf], colors=[colour], alpha=0.08)
        if levels:
            contours = axes.contour(figure.x, figure.y, values, levels=levels, colors=[colour], linewidths=1.3)
            axes.clabel(contours, fontsize=10, colors=INK, fmt=lambda value: f"{value:g}")
        axes.set_xlim(figure.x[0], figure.x[-1])
        axes.set_ylim(figure.y[0], figure.y[-1])
        axes.plot([0], [0], marker="+", markersize=11, markeredgewidth=2, color=INK)
        axes.grid(visible=False)
        axes.set_aspect("equal")
        axes.locator_params(nbins=5)
        axes.set_xlabel(figure.across)
        axes.set_ylabel(figure.up)
        return markup(drawn, name, figure.title)


def regions(figure: Regions, name: str) -> str:
    """Draw cells in the colour of their answer, and points with the mark of theirs."""
    from matplotlib.patches import PathPatch

    x, y, answers = np.array(figure.x), np.array(figure.y), np.array(figure.answers)
    wide, high = (float(v[1] - v[0]) if len(v) > 1 else 1.0 for v in (x, y))
    with canvas(WIDTH, HEIGHT + 45) as drawn:
        axes = drawn.subplots()
        for answer in np.unique(answers).tolist():
            axes.add_patch(
                PathPatch(
                    _outline(x - wide / 2, y - high / 2, wide, high, answers == answer),
                    facecolor=SERIES[answer] if answer >= 0 else LINE,
                    alpha=0.38 if answer >= 0 else 0.7,
                    linewidth=0,
                    antialiased=False,  # no seams between cells
                )
            )
        for i in range(len(figure.names)):
            own = [(a, b) for a, b, of in figure.points if of == i]
            if own:
                axes.scatter(
                    *zip(*own, strict=True),
                    s=62,
                    marker=MARKERS[i],
                    facecolor=SERIES[i],
                    edgecolor=INK,
                    linewidth=0.9,
                    zorder=3,
                )
        axes.grid(visible=False)
        axes.set_xlim(x[0] - wide / 2, x[-1] + wide / 2)
        axes.set_ylim(y[0] - high / 2, y[-1] + high / 2)
        if figure.square:
            axes.set_aspect("equal")
        if figure.across_labels:
            axes.set_xticks(x, [shortened(label, LONGEST) for label in figure.across_labels], rotation=45, ha="right")
        if figure.up_labels:
            axes.set_yticks(y, [shortened(label, LONGEST) for label in figure.up_labels])
        axes.set_xlabel(figure.across)
        axes.set_ylabel(figure.up, color=MUTED)
        return markup(drawn, name, figure.title)


def _outline(left: Floats, low: Floats, wide: float, high: float, chosen: NDArray[np.bool_]) -> Any:
    """One path around the chosen cells [U, A], a rectangle for each run of them along a row."""
    from matplotlib.path import Path

    rectangles = []
    for bottom, row in zip(low, chosen, strict=True):
        edges = np.diff(row.astype(np.int8), prepend=0, append=0)
        for start, end in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True):
            a, b = left[start], left[start] + (end - start) * wide
            corners = [(a, bottom), (b, bottom), (b, bottom + high), (a, bottom + high), (a, bottom)]
            rectangles.append(Path(corners, closed=True))
    return Path.make_compound_path(*rectangles)

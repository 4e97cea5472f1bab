"""A figure of differences from a reference: a line an arm, its mean and its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailtune.report.inline_svg import INK, MUTED, SERIES, canvas, described, markup
from tailtune.study.paired import Paired
from tailtune.words import shortened

WIDE, FRAME, ROW = 560, 70, 28  # points


@dataclass(frozen=True)
class Line:
    """An arm and its paired difference from the reference, as shares."""

    arm: str
    found: Paired


def forest(lines: Sequence[Line], name: str, title: str, axis: str) -> str:
    """Return the figure as SVG.

    Args:
        lines: from the top down.
        name: unique id of the figure.
        title: what it shows.
        axis: what the horizontal axis shows, in points.
    """
    with canvas(WIDE, FRAME + ROW * len(lines)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=MUTED, linewidth=1)
        words = []
        for y, line in enumerate(lines):
            axes.plot(
                [100 * value for value in line.found.differences],
                [y] * len(line.found.differences),
                "o",
                color=MUTED,
                alpha=0.5,
                markersize=4,
            )
            if line.found.mean is None:
                continue
            mean = 100 * line.found.mean
            axes.plot([mean], [y], "D", color=SERIES[0], markersize=7)
            if line.found.interval is not None:
                axes.plot([100 * end for end in line.found.interval], [y, y], color=SERIES[0])
            words.append(f"{line.arm} {mean:+.2f}")
        axes.set_yticks(range(len(lines)), [shortened(line.arm, 28) for line in lines], color=INK)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel(axis)
        return described(markup(figure, name, title), name, "; ".join(words))

"""A figure of arms: the seeds of each, their mean with its standard error, their ensembles and the paper's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.report.inline_svg import INK, MUTED, SERIES, canvas, described, in_percent, markup

WIDE, FRAME, ROW = 560, 95, 30  # points


@dataclass(frozen=True)
class Dot:
    """An arm: its figures of single models, those of ensembles, and the paper's, as shares."""

    arm: str
    single: Sequence[float]
    ensembles: Sequence[float]
    printed: float | None


def dots(lines: Sequence[Dot], name: str, title: str) -> str:
    """Return the figure as SVG.

    Args:
        lines: from the top down.
        name: unique id of the figure.
        title: what it shows.
    """
    with canvas(WIDE, FRAME + ROW * len(lines)) as figure:
        axes = figure.subplots()
        for y, line in enumerate(lines):
            axes.plot(line.single, [y] * len(line.single), "o", color=SERIES[0], alpha=0.35, markersize=4)
            error = np.std(line.single, ddof=1) / len(line.single) ** 0.5 if len(line.single) > 1 else 0.0
            axes.errorbar(np.mean(line.single), y, xerr=error, fmt="o", color=SERIES[0], markersize=7, capsize=4)
            axes.plot(line.ensembles, [y] * len(line.ensembles), "D", color=SERIES[1], markersize=6)
            if line.printed is not None:
                axes.plot(line.printed, y, "|", color=INK, markersize=18, markeredgewidth=2)
        axes.plot([], [], "o", color=SERIES[0], label="single models, mean ± standard error")
        axes.plot([], [], "D", color=SERIES[1], label="ensembles")
        axes.plot([], [], "|", color=INK, markersize=12, markeredgewidth=2, label="the paper's number")
        axes.set_yticks(range(len(lines)), [line.arm for line in lines], color=INK)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel(title)
        in_percent(axes.xaxis)
        figure.legend(loc="outside upper center", ncols=3, fontsize=9, labelcolor=MUTED)
        words = "; ".join(f"{line.arm} {100 * np.mean(line.single):.2f} %" for line in lines)
        return described(markup(figure, name, title), name, words)

"""A figure of arms: the trainings of each in two series, their means with standard errors, and the paper's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.report.inline_svg import INK, MUTED, SERIES, canvas, described, in_percent, markup

WIDE, FRAME, ROW = 560, 95, 30  # points
SINGLE = ("single models, mean ± standard error", "ensembles")


@dataclass(frozen=True)
class Dot:
    """An arm: its figures in the first series, in the second, and the paper's, as shares."""

    arm: str
    first: Sequence[float]
    second: Sequence[float]
    printed: float | None = None


def dots(lines: Sequence[Dot], name: str, title: str, series: tuple[str, str] = SINGLE) -> str:
    """Return the figure as SVG.

    Args:
        lines: from the top down.
        name: unique id of the figure.
        title: what it shows.
        series: what the two series are called.
    """
    with canvas(WIDE, FRAME + ROW * len(lines)) as figure:
        axes = figure.subplots()
        for y, line in enumerate(lines):
            for number, (values, mark) in enumerate(((line.first, "o"), (line.second, "D"))):
                if not len(values):
                    continue
                axes.plot(values, [y] * len(values), mark, color=SERIES[number], alpha=0.35, markersize=4)
                error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
                axes.errorbar(
                    np.mean(values), y, xerr=error, fmt=mark, color=SERIES[number], markersize=7 - number, capsize=4
                )
            if line.printed is not None:
                axes.plot(line.printed, y, "|", color=INK, markersize=18, markeredgewidth=2)
        for number, (label, mark) in enumerate(zip(series, "oD", strict=True)):
            axes.plot([], [], mark, color=SERIES[number], label=label)
        if any(line.printed is not None for line in lines):
            axes.plot([], [], "|", color=INK, markersize=12, markeredgewidth=2, label="the paper's number")
        axes.set_yticks(range(len(lines)), [line.arm for line in lines], color=INK)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel(title)
        in_percent(axes.xaxis)
        figure.legend(loc="outside upper center", ncols=3, fontsize=9, labelcolor=MUTED)
        words = "; ".join(f"{line.arm} {100 * np.mean(line.first):.2f} %" for line in lines)
        return described(markup(figure, name, title), name, words)

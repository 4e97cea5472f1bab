"""A figure of differences: the mean over seeds with its 95 % interval, a line each, and a panel for each group."""

from __future__ import annotations

from collections.abc import Mapping

from tailtune.report.inline_svg import INK, LINE, MARKERS, MUTED, SERIES, canvas, described, markup
from tailtune.study.paired import Paired

WIDE, FRAME, ROW, TITLE = 640, 70, 26, 45  # points
APART = 0.24  # of a line, between the series

Group = Mapping[str, Mapping[str, Paired | None]]


def intervals(groups: Mapping[str, Group], name: str, title: str, x: str, factor: float = 100.0) -> str:
    """Return the figure as SVG.

    Args:
        groups: by the title of their panel, the lines from the top down, each with its differences by series.
        name: unique id of the figure.
        title: what it shows.
        x: what the axis shows.
        factor: of the differences; 100 makes points of shares.
    """
    groups = {panel: lines for panel, lines in groups.items() if lines}
    series = list(dict.fromkeys(each for lines in groups.values() for found in lines.values() for each in found))
    words = []
    with canvas(WIDE, FRAME + sum(TITLE + ROW * len(lines) for lines in groups.values())) as figure:
        heights = [len(lines) + 1 for lines in groups.values()]
        made = figure.subplots(len(groups), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights})
        for axes, (panel, lines) in zip(made[:, 0], groups.items(), strict=True):
            for y, (line, found) in enumerate(lines.items()):
                for number, each in enumerate(series):
                    one = found.get(each)
                    if one is None or one.mean is None:
                        continue
                    mean = factor * one.mean
                    low, high = one.interval or (one.mean, one.mean)
                    axes.errorbar(
                        mean,
                        y + APART * (number - (len(series) - 1) / 2),
                        xerr=[[mean - factor * low], [factor * high - mean]],
                        fmt=MARKERS[number],
                        color=SERIES[number],
                        capsize=3,
                        markersize=5,
                    )
                    words.append(f"{line}, {each}: {mean:.2f}")
            axes.axvline(0, color=MUTED, linewidth=1)
            axes.set_yticks(range(len(lines)), list(lines), color=INK, fontsize=10)
            axes.set_ylim(len(lines) - 0.5, -0.5)
            axes.set_title(panel, color=INK, loc="left")
            axes.grid(axis="y", color=LINE, alpha=0.4)
        made[-1, 0].set_xlabel(x)
        for number, each in enumerate(series):
            made[0, 0].plot([], [], MARKERS[number], color=SERIES[number], label=each)
        figure.legend(loc="outside upper center", ncols=len(series), fontsize=10, labelcolor=MUTED)
        return described(markup(figure, name, title), name, "; ".join(words))

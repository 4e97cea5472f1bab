"""The figures of a study's page; each function returns the markup of one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unicodedata import east_asian_width

import numpy as np

from tailtune.report.inline_svg import INK, LINE, MUTED, SERIES, SURFACE, canvas, described, markup
from tailtune.study.ranks import Ranks
from tailtune.study.statistics import Compared
from tailtune.words import MINUS

WIDE = 400  # points; text of 11 stays readable on a phone of 360 px
ROW, FRAME = 19, 56  # points of height an arm, and of the axis
LABEL = 22  # characters of an arm's name beside its row
COLOURS = {"ahead": SERIES[2], "leans_ahead": SERIES[2], "behind": SERIES[1], "leans_behind": SERIES[1]}
SURE = frozenset({"ahead", "behind"})


@contextmanager
def _canvas(height: float) -> Iterator[Any]:
    """A canvas whose names may have any characters: the page's typeface writes them, not matplotlib's."""
    with warnings.catch_warnings(), canvas(WIDE, height) as figure:
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield figure


def forest(order: Sequence[tuple[str, Compared]], baseline: str, name: str, title: str, text: str) -> str:
    """Paired differences from the baseline with their intervals, a row an arm, each seed's difference a dot.

    An interval that would leave the rows without room ends in an arrow.

    Args:
        order: arms and their differences in shares of 1, the best first; those without a mean are left out.
        baseline: what zero stands for.
        name: unique id of the figure.
        title: what it shows.
        text: the same in words, for those who do not see it.
    """
    rows = [(arm, entry, 100 * entry.mean) for arm, entry in order if entry.mean is not None]
    seeds = [100 * np.asarray(entry.differences) for _, entry, _ in rows]
    inner = [0.0, *(mean for _, _, mean in rows), *np.concatenate(seeds)]
    low, high = _limits(inner, [entry.interval for _, entry, _ in rows])
    with _canvas(FRAME + ROW * max(len(rows), 2)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=1)
        for y, ((_, entry, mean), dots) in enumerate(zip(rows, seeds, strict=True)):
            colour = COLOURS.get(entry.standing, MUTED)
            axes.scatter(dots, np.full(len(dots), y + 0.3), s=9, facecolor=colour, linewidth=0, alpha=0.45, zorder=2)
            if entry.interval is not None:
                ends = [100 * end for end in entry.interval]
                shown = np.clip(ends, low, high)
                axes.plot(shown, [y, y], color=colour, linewidth=2, zorder=3)
                for end, at, arrow in zip(ends, shown, "<>", strict=True):
                    if end != at:
                        axes.plot([at], [y], arrow, color=colour, markersize=5, clip_on=False, zorder=3)
            face = colour if entry.standing in SURE else SURFACE
            axes.scatter([mean], [y], s=42, facecolor=face, edgecolor=colour, linewidth=1.6, zorder=4)
        axes.set_xlim(low, high)
        _arm_axis(axes, [arm for arm, _, _ in rows])
        axes.set_xlabel(f"points of balanced accuracy from {_label(baseline)}")
        axes.xaxis.get_major_locator().set_params(nbins=6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", MINUS) if value else "0")
        return described(markup(figure, name, title), name, text)


def rank_plot(ranks: Ranks, name: str, title: str, text: str) -> str:
    """Mean rank of each arm over the data sets, the rank on each of them a faint dot.

    Args:
        ranks: what `tailtune.study.ranks.mean_ranks` found.
        name: unique id of the figure.
        title: what it shows.
        text: the same in words, for those who do not see it.
    """
    arms = list(ranks.mean_rank)
    k = len(arms)
    with _canvas(FRAME + ROW * max(k, 2)) as figure:
        axes = figure.subplots()
        for y, arm in enumerate(arms):
            each, mean = ranks.ranks[arm], ranks.mean_rank[arm]
            axes.plot([min(each), max(each)], [y, y], color=LINE, linewidth=2, zorder=1)
            axes.scatter(each, [y] * len(each), s=12, facecolor=MUTED, linewidth=0, alpha=0.5, zorder=2)
            axes.scatter([mean], [y], s=46, facecolor=SERIES[0], edgecolor=SURFACE, linewidth=1, zorder=3)
        if ranks.critical_difference is not None:
            best = ranks.mean_rank[arms[0]]
            axes.axvspan(best, best + ranks.critical_difference, color=SERIES[0], alpha=0.12, linewidth=0, zorder=0)
        axes.set_xlim(1 - 0.04 * k, k + 0.04 * k)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _arm_axis(axes, arms)
        axes.set_xlabel(f"rank over {len(ranks.datasets)} data sets (1 is best)")
        return described(markup(figure, name, title), name, text)


def _limits(inner: Sequence[float], intervals: Sequence[Sequence[float] | None]) -> tuple[float, float]:
    """Ends of the axis in points: all of `inner`, and of the intervals as much as leaves half of the width to it."""
    low, high = min(inner), max(inner)
    room = max(high - low, 0.5) / 2
    ends = [100 * end for interval in intervals if interval is not None for end in interval]
    low, high = max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))
    margin = 0.04 * max(high - low, 0.5)
    return low - margin, high + margin


def _arm_axis(axes: Any, arms: Sequence[str]) -> None:
    axes.set_ylim(max(len(arms), 2) - 0.4, -0.6)
    axes.set_yticks(range(len(arms)), [_label(arm) for arm in arms])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(visible=False, axis="y")


def _label(arm: str) -> str:
    """Cut a name to LABEL columns, wide characters counting twice, and leave room where the page needs more.

    The page writes with its own typeface. Matplotlib measures with one that has no wide characters and takes each for
    a narrow box, so spaces before them make up for the rest.
    """
    kept, columns = "", 0
    for character in " ".join(arm.split()):
        columns += 1 + (east_asian_width(character) in "WF")
        if columns > LABEL:
            kept = kept[:-1] + "…"
            break
        kept += character
    wide = sum(east_asian_width(character) in "WF" for character in kept)
    return "\N{NO-BREAK SPACE}" * math.ceil(1.5 * wide) + kept

"""A figure of panels with curves: the mean over seeds at each place, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tailtune.paper.classes import standard_error
from tailtune.report.inline_svg import INK, MARKERS, MUTED, SERIES, canvas, described, in_percent, markup

WIDE, HIGH, LEGEND = 330, 270, 40  # points: a panel, and the space above
STYLES = ("-", "--", ":", "-.")  # so that what lies under another curve is seen


@dataclass(frozen=True)
class Panel:
    """Curves on one pair of axes.

    Attributes:
        title: above them.
        x, y: what the axes show.
        curves: by name, the values of each place, a seed each.
        log: base of a logarithmic x axis, or None.
        percent: whether y is a share, written in per cent.
        diagonal: draw the line y = x on two logarithmic axes, and the seeds as dots in place of standard errors.
        joined: join the places of a curve.
    """

    title: str
    x: str
    y: str
    curves: Mapping[str, Mapping[float, Sequence[float]]]
    log: int | None = None
    percent: bool = True
    diagonal: bool = False
    joined: bool = True


def panels(shown: Sequence[Panel], name: str, title: str) -> str:
    """Return panels side by side as SVG, four of them in two rows, with one legend.

    Args:
        shown: from left to right, and then below.
        name: unique id of the figure.
        title: what it shows.
    """
    names = list(
        dict.fromkeys(curve for panel in shown for curve, places in panel.curves.items() if any(places.values()))
    )
    joined = {curve for panel in shown if panel.joined for curve in panel.curves}
    words = []
    columns = 2 if len(shown) == 1 else 3  # of the legend
    rows = -(-len(names) // columns)
    down, across = (2, 2) if len(shown) == 4 else (1, len(shown))
    with canvas(WIDE * across, HIGH * down + LEGEND + 16 * rows) as figure:
        for axes, panel in zip(figure.subplots(down, across, squeeze=False).flat, shown, strict=True):
            for curve, places in panel.curves.items():
                xs = sorted(x for x, values in places.items() if values)
                if not xs:
                    continue
                number = names.index(curve)
                means = [_mean(places[x], panel) for x in xs]
                if panel.diagonal:
                    for x in xs:
                        axes.plot([x] * len(places[x]), places[x], "o", color=MUTED, alpha=0.5, markersize=4)
                axes.errorbar(
                    xs,
                    means,
                    yerr=None if panel.diagonal else [standard_error(places[x]) for x in xs],
                    marker=_marker(number),
                    color=SERIES[number % len(SERIES)],
                    linestyle=STYLES[number % len(STYLES)] if panel.joined else "none",
                    capsize=3,
                    markersize=5,
                )
                words.append(
                    f"{panel.title}, {curve}: " + ", ".join(f"{x:g} {y:.3g}" for x, y in zip(xs, means, strict=True))
                )
            _axes(axes, panel)
        for number, curve in enumerate(names):
            axes.plot(
                [],
                [],
                marker=_marker(number),
                color=SERIES[number % len(SERIES)],
                linestyle=STYLES[number % len(STYLES)] if curve in joined else "none",
                label=curve,
            )
        figure.legend(loc="outside upper center", ncols=min(columns, len(names)), fontsize=10, labelcolor=MUTED)
        return described(markup(figure, name, title), name, "; ".join(words))


def _marker(number: int) -> str:
    """With the colour unique for the first 25 curves."""
    return MARKERS[(number + number // len(SERIES)) % len(MARKERS)]


def _mean(values: Sequence[float], panel: Panel) -> float:
    """On two logarithmic axes the geometric mean."""
    return float(np.exp(np.mean(np.log(values))) if panel.diagonal else np.mean(values))


def _axes(made: Any, panel: Panel) -> None:
    """Titles, scales and ticks: every place of a logarithmic axis that has few."""
    made.set_title(panel.title, color=INK)
    made.set_xlabel(panel.x)
    made.set_ylabel(panel.y)
    places = sorted({x for curve in panel.curves.values() for x in curve})
    if panel.log is not None:
        made.set_xscale("log", base=panel.log)
        _plain(made.xaxis, places)
    if panel.diagonal:
        made.set_yscale("log")
        _plain(made.yaxis, sorted({value for curve in panel.curves.values() for y in curve.values() for value in y}))
        made.plot(places, places, color=MUTED, linewidth=1, linestyle=":")
    elif panel.percent:
        in_percent(made.yaxis)


def _plain(made: Any, places: Sequence[float]) -> None:
    """Label the places, or the powers where there are many places, as numbers and not as powers."""
    from matplotlib.ticker import NullFormatter

    if len(places) <= 9:
        words = [_word(place) for place in places]
        made.set_ticks(places, [word if apart else "" for word, apart in zip(words, _apart(places), strict=True)])
        made.set_ticks([], minor=True)
    else:
        made.set_major_formatter(lambda place, _: _word(place))
        made.set_minor_formatter(NullFormatter())


def _word(place: float) -> str:
    return f"{place:.3g}" if place < 1000 else f"{place:,.0f}"


def _apart(places: Sequence[float]) -> list[bool]:
    """Which of rising places of a logarithmic axis have room for a label beside the one before."""
    room, last = 0.09 * math.log(places[-1] / places[0]) if places else 0.0, 0.0
    found: list[bool] = []
    for place in places:
        found.append(not any(found) or math.log(place / last) >= room)
        last = place if found[-1] else last
    return found

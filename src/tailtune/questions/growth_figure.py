"""The figure of a study of growth: losses by the number of rows of each class, and the power laws through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.paper.classes import standard_error
from tailtune.questions.power_law import Floats, power_laws
from tailtune.report.inline_svg import INK, MARKERS, MUTED, SERIES, canvas, described, markup
from tailtune.words import shortened

WIDE, HIGH, LEGEND = 345, 280, 40  # points: a panel, and the space above
STYLES = ("-", "--", ":", "-.")
BEYOND = 2.0  # times the rows that there are, to which curves are drawn


@dataclass(frozen=True)
class Curve:
    """A class: numbers of its rows [P], and losses at them of its own and of all classes [S, P]."""

    name: str
    rows: Floats
    own: Floats
    all: Floats


def curves(shown: Sequence[Curve], name: str, title: str) -> str:
    """Return the figure as SVG: a class's own log loss on the left, that of all classes on the right.

    Args:
        shown: the classes.
        name: unique id of the figure.
        title: what it shows.
    """
    legend = -(-len(shown) // 3)
    with canvas(2 * WIDE, HIGH + LEGEND + 16 * legend) as figure:
        words = []
        for axes, (of, label) in zip(
            figure.subplots(1, 2),
            (("own", "log loss of the class itself"), ("all", "log loss, classes weighing alike")),
            strict=True,
        ):
            for number, curve in enumerate(shown):
                losses: Floats = getattr(curve, of)
                colour, style = SERIES[number % len(SERIES)], STYLES[number % len(STYLES)]
                axes.errorbar(
                    curve.rows,
                    losses.mean(axis=0),
                    yerr=[standard_error(losses[:, place].tolist()) for place in range(len(curve.rows))],
                    fmt=MARKERS[(number + number // len(SERIES)) % len(MARKERS)],
                    color=colour,
                    capsize=3,
                    markersize=5,
                    label=shortened(curve.name, 24),
                )
                along = np.geomspace(curve.rows[0], BEYOND * curve.rows[-1], 60)
                fitted = power_laws(curve.rows, losses.mean(axis=0))
                axes.plot(along, [float(fitted.at(n)[0]) for n in along], color=colour, linestyle=style, linewidth=1.5)
                words.append(f"{label}, {curve.name}: {losses.mean(axis=0)[0]:.3g} to {losses.mean(axis=0)[-1]:.3g}")
            axes.set_title(label, color=INK)
            axes.set_xscale("log")
            axes.set_xlabel("training rows of the class, the others keep theirs")
            axes.set_ylabel("log loss on test rows")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(lambda value, _: "")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=10, labelcolor=MUTED)
        return described(markup(figure, name, title), name, "; ".join(words))

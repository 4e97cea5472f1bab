"""The figures of a run's page about neural collapse by epoch, where the training was followed by --track collapse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tailtune.report.inline_svg import HEIGHT, MARKERS, SERIES, WIDTH, canvas, in_percent, markup
from tailtune.report.legend import WATCHED, Mark, marks
from tailtune.report.run_page.figures import Epochs, has
from tailtune.training.log import watched

GROUPS = {"minority": "rarest classes", "majority": "other classes"}


@dataclass(frozen=True)
class Followed:
    """A figure, with its legend and what is to be read from it."""

    svg: str
    marks: Sequence[Mark]
    words: str


def followed(history: Epochs) -> list[Followed]:
    """Draw what was followed; nothing where nothing was."""
    if not has(history, "nc2"):
        return []
    part = watched(history)
    parts = {"train": "-"} | ({part: "--"} if part else {})
    told = f" Solid lines are training rows, dashed ones {WATCHED[part]} rows." if part else ""
    found = []
    if has(history, "train_cdnv_majority"):  # two classes have no pair within either group
        drawn = {group for group in GROUPS if has(history, f"train_cdnv_{group}")}
        lines = [
            (f"{which}_cdnv_{group}", i, style)
            for i, group in enumerate(GROUPS)
            for which, style in parts.items()
            if group in drawn
        ]
        found.append(
            Followed(
                _by_epoch(history, lines, "cdnv", "CDNV of pairs", "Class-distance normalised variance by epoch", True),
                [mark for mark, group in zip(marks([*GROUPS.values()]), GROUPS, strict=True) if group in drawn],
                "Class-distance normalised variance, mean over pairs of classes of a group: 0 where each class has "
                f"shrunk to a point.{told} A gap between the two is what does not carry over to new rows.",
            )
        )
    shares = {
        "ncc": (
            "nearest class mean right",
            "Rows whose nearest class mean, of training rows, is that of their class",
        ),
        "fitted": ("right", "Rows that the network gets right; the training rows are as they are, not augmented"),
    }
    for key, (label, words) in shares.items():
        lines = [
            (f"{which}_{key}_{group}", i, style) for i, group in enumerate(GROUPS) for which, style in parts.items()
        ]
        svg = _by_epoch(history, lines, key, label, f"{words}, by epoch", False)
        found.append(Followed(svg, marks([*GROUPS.values()]), f"{words}.{told}"))
    measures = {"train_nc1": "NC1", "nc2": "NC2", "nc3": "NC3"}
    kept = [(i, key, name) for i, (key, name) in enumerate(measures.items()) if has(history, key)]
    found.append(
        Followed(
            _by_epoch(history, [(key, i, "-") for i, key, _ in kept], "nc", "measure", "NC1 to NC3 by epoch", True),
            [mark for i, mark in enumerate(marks([*measures.values()])) if i in {entry[0] for entry in kept}],
            "On training rows: scatter within classes over that of the class means (NC1), distance of the class means "
            "from a regular simplex (NC2), and of the head's weights from the class means (NC3). All are 0 once "
            "collapsed.",
        )
    )
    return found


def _by_epoch(
    history: Epochs, lines: Sequence[tuple[str, int, str]], name: str, label: str, title: str, logarithmic: bool
) -> str:
    """Draw measures by epoch: their key, the number of their colour, and the style of their line."""
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for key, series, style in lines:
            points = [(entry["epoch"], entry[key]) for entry in history if _drawable(entry.get(key), logarithmic)]
            if points:
                epochs, values = zip(*points, strict=True)
                marker = MARKERS[series] if len(points) <= 30 else ""
                axes.plot(epochs, values, style, color=SERIES[series], marker=marker, markersize=4.5)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.03)
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: "")
        else:
            axes.set_ylim(-0.04, 1.04)
            in_percent(axes.yaxis)
        return markup(figure, f"collapse-{name}", title)


def _drawable(value: float | None, logarithmic: bool) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or not logarithmic)

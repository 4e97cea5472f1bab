"""The figures of a run's report; each function returns the markup of one."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.evaluation.ranking import precision_recall_curve
from tailtune.profile import FEW, MANY, Floats
from tailtune.report.inline_svg import HEIGHT, INK, MARKERS, MUTED, SERIES, SURFACE, WIDTH, canvas, in_percent, markup
from tailtune.report.legend import WATCHED
from tailtune.run.result import SystemResult
from tailtune.training.log import watched
from tailtune.words import shortened, whole

Epochs = Sequence[Mapping[str, Any]]  # the lines of metrics.jsonl

CURVE_POINTS = 200
MARGIN = 1.5  # of the axis of class sizes, as a factor


def losses(history: Epochs, best_epoch: int | None) -> str:
    """Loss on the training rows and on those that were watched, by epoch."""
    part = watched(history) or "val"
    lines = [("train_loss", 1, "--"), (f"{part}_loss", 0, "-")]
    return _by_epoch(history, lines, best_epoch, "losses", "loss", f"Training and {WATCHED[part]} loss by epoch")


def scores(history: Epochs, best_epoch: int | None, rare: str) -> str:
    """Balanced accuracy and accuracy on the rarest classes, which `rare` names, on watched rows by epoch."""
    part = watched(history) or "val"
    lines = [(f"{part}_balanced_accuracy", 0, "-"), (f"{part}_tail_accuracy", 1, "--")]
    rows = f"{WATCHED[part]} rows"
    title = f"Balanced accuracy and {rare} by epoch, on {rows}"
    return _by_epoch(history, lines, best_epoch, "scores", f"accuracy on {rows}", title)


def has(history: Epochs, key: str) -> bool:
    """Whether any epoch of `history` states `key`."""
    return any(entry.get(key) is not None for entry in history)


def _by_epoch(
    history: Epochs,
    lines: list[tuple[str, int, str]],
    best_epoch: int | None,
    name: str,
    label: str,
    title: str,
) -> str:
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for key, series, style in lines:
            points = [(entry["epoch"], entry[key]) for entry in history if entry.get(key) is not None]
            if points:
                epochs, values = zip(*points, strict=True)
                marker = MARKERS[series] if len(points) <= 30 else ""
                axes.plot(epochs, values, style, color=SERIES[series], marker=marker, markersize=4.5)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.03)
        if label != "loss":
            in_percent(axes.yaxis)
        return markup(figure, name, title)


def class_sizes(counts: Sequence[int]) -> str:
    """Training rows of each class from the largest to the smallest, on a logarithmic scale: for many classes."""
    sizes = np.sort(np.maximum(counts, 0))[::-1]
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        rank = np.arange(1, len(sizes) + 1)
        axes.bar(rank, np.maximum(sizes, 0.5), width=0.8, color=SERIES[0], linewidth=0)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5 if sizes.min() <= 1 else sizes.min() * 0.7)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("class, from the largest to the smallest")
        axes.set_ylabel("training rows")
        _plain_log(axes.yaxis)
        axes.margins(x=0.01)
        return markup(figure, "sizes", "Training rows of each class, from the largest class to the smallest")


def borders(systems: Sequence[SystemResult]) -> list[int]:
    """Sizes between few-, medium- and many-shot classes that lie within the axis of `recall_by_size`."""
    sizes = [entry.train_count for entry in systems[0].per_class if entry.support]
    return [border for border in (FEW, MANY) if min(sizes) / MARGIN < border < max(sizes) * MARGIN]


def recall_by_size(systems: Sequence[SystemResult]) -> str:
    """Recall of each class against its number of training rows, the model joined to each baseline of the class."""
    classes = [k for k, entry in enumerate(systems[0].per_class) if entry.support]
    size = np.array([max(systems[0].per_class[k].train_count, 0.5) for k in classes])
    recall = np.array([[system.per_class[k].recall for k in classes] for system in systems], dtype=np.float64)
    with canvas(WIDTH, HEIGHT * 1.1) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_xlim(size.min() / MARGIN, size.max() * MARGIN)
        for border in borders(systems):
            axes.axvline(border, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        if len(classes) <= 30:
            axes.vlines(size, recall.min(axis=0), recall.max(axis=0), color=MUTED, linewidth=1.5, alpha=0.45)
        dot = 46 if len(classes) <= 30 else 20
        for series in reversed(range(len(systems))):
            axes.scatter(
                size,
                recall[series],
                s=dot * (1.3 if series == 0 else 0.8),
                marker=MARKERS[series % len(MARKERS)],
                facecolor=SERIES[series % len(SERIES)],
                edgecolor=SURFACE,
                linewidth=0.8,
                zorder=3,
            )
        axes.set_ylim(-0.04, 1.04)
        axes.set_xlabel("training rows of the class")
        axes.set_ylabel("found (recall)")
        _plain_log(axes.xaxis)
        in_percent(axes.yaxis)
        return markup(figure, "recall", "Recall of each class against its number of training rows")


def reliability(systems: Sequence[SystemResult]) -> str:
    """How often answers are right against how sure they claim to be, over a histogram of the claims."""
    with canvas(WIDTH, HEIGHT * 1.25) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        for series in reversed(range(len(systems))):
            bins = [entry for entry in systems[series].reliability if entry.count]
            axes.plot(
                [entry.confidence for entry in bins],
                [entry.accuracy for entry in bins],
                color=SERIES[series % len(SERIES)],
                marker=MARKERS[series % len(MARKERS)],
                markersize=6 if series == 0 else 4.5,
                linewidth=2 if series == 0 else 1.2,
            )
        table = systems[0].reliability
        below.bar(
            [(entry.low + entry.high) / 2 for entry in table],
            [entry.count for entry in table],
            width=0.85 / len(table),
            color=SERIES[0],
            linewidth=0,
        )
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylabel("answers right")
        below.set_ylabel("rows")
        below.set_xlabel("probability of the likeliest class")
        below.grid(visible=False, axis="x")
        below.yaxis.get_major_locator().set_params(nbins=2, integer=True)
        in_percent(axes.yaxis)
        in_percent(below.xaxis)
        figure.align_ylabels()
        return markup(figure, "reliability", "Reliability: share of right answers against their stated probability")


def precision_recall(
    targets: ArrayLike,
    columns: Sequence[ArrayLike],
    positive: int,
    name: str,
    title: str,
    chosen: tuple[float | None, float | None],
    small: bool = False,
) -> str:
    """Precision-recall curve of one class for each system, with the level of a guess dotted and the answers marked.

    Args:
        targets: class indices [N].
        columns: each system's probability of the class [N], the model first.
        positive: index of the class.
        name: unique id of the figure.
        title: what it shows.
        chosen: recall and precision of the model's answers; nothing is marked where one of them is None.
        small: for a panel among several: less text.
    """
    is_positive = np.asarray(targets) == positive
    with canvas(*((170, 140) if small else (WIDTH, HEIGHT * 1.1))) as figure:
        axes = figure.subplots()
        axes.axhline(float(is_positive.mean()), color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        for series in reversed(range(len(columns))):
            precision, recall = precision_recall_curve(np.asarray(columns[series], dtype=np.float64), is_positive)
            keep = _thinned(recall)
            axes.plot(
                np.append(0, recall[keep]),
                np.append(precision[0], precision[keep]),
                color=SERIES[series % len(SERIES)],
                linewidth=(2 if series == 0 else 1.3) * (0.8 if small else 1),
                drawstyle="steps-pre",
            )
        if None not in chosen:
            size = (6 if small else 10, 1.2 if small else 2)
            axes.plot(
                *chosen, MARKERS[0], color=SURFACE, markeredgecolor=INK, markersize=size[0], markeredgewidth=size[1]
            )
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.02, 1.03)
        if small:
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
        else:
            axes.set_xlabel("found (recall)")
            axes.set_ylabel("right when it says so (precision)")
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
        return markup(figure, name, title)


def cost_curve(
    columns: Sequence[Floats], costs: Floats, positive: int, chosen: float | None, weights: Floats | None = None
) -> str:
    """Mean cost of an answer of two classes against the threshold for the rarer one, and that of the model's answers.

    Args:
        columns: each system's probability of the rarer class [N], the model first.
        costs: of each answer to each row [N, 2].
        positive: index of the rarer class.
        chosen: mean cost of the model's answers.
        weights: of the rows at the balance in use [N], where that is another one.
    """
    other = 1 - positive
    thresholds = np.linspace(0, 1, CURVE_POINTS + 1)
    with canvas(WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for series in reversed(range(len(columns))):
            named = columns[series][:, None] >= thresholds
            paid = np.where(named, costs[:, positive, None], costs[:, other, None])
            means = np.average(paid, axis=0, weights=weights)
            axes.plot(thresholds, means, color=SERIES[series % len(SERIES)], linewidth=2 if series == 0 else 1.3)
        if chosen is not None:
            axes.axhline(chosen, color=INK, linewidth=1, linestyle=(0, (2, 3)))
        axes.set_xlabel("lowest probability that is answered with the rarer class")
        axes.set_ylabel("cost an answer, on average")
        in_percent(axes.xaxis)
        return markup(figure, "costs", "Mean cost of an answer against the threshold")


def _thinned(recall: Floats) -> NDArray[np.int64]:
    """The last threshold in each of CURVE_POINTS steps of recall: what is dropped is under half a point wide."""
    step = np.ceil(recall * CURVE_POINTS).astype(np.int64)
    return np.append(np.flatnonzero(np.diff(step)), len(recall) - 1)


LABELLED = 120  # classes up to which each has its label
LABEL = 18  # letters of one


def confusion_figure(confusion: ArrayLike, order: Sequence[int], names: Sequence[str]) -> str:
    """Confusion matrix of many classes, each row's share by colour: right answers in blue, wrong ones in orange.

    Args:
        confusion: counts [K, K], rows are the truth.
        order: the classes in the order of rows and columns.
        names: of the classes, in class order [K]; up to 120 of them are written beside rows and columns.
    """
    k = len(order)
    image = _confusion_image(np.asarray(confusion, dtype=np.float64)[np.ix_(order, order)])
    title = f"Confusion matrix of {k} classes: rows are the truth, columns what the model says"
    labelled = k <= LABELLED
    labels = [escape(shortened(names[c], LABEL)) for c in order] if labelled else []
    unit, margin = max(8.0, 640 / k), 116.0 if labelled else 2.0
    size = unit * k + margin
    letters = min(13.0, 0.92 * unit)
    parts = [
        f'<svg viewBox="0 0 {size:.0f} {size:.0f}" role="img" aria-labelledby="confusions-title" class="heat-map" '
        'xmlns="http://www.w3.org/2000/svg">'
        f'<title id="confusions-title">{title}</title>'
        f'<rect x="{margin:.1f}" y="{margin:.1f}" width="{unit * k:.1f}" height="{unit * k:.1f}" fill="var(--soft)"/>'
        f'<image href="{image}" x="{margin:.1f}" y="{margin:.1f}" width="{unit * k:.1f}" height="{unit * k:.1f}" '
        'style="image-rendering: pixelated" preserveAspectRatio="none"/>'
    ]
    for place, label in enumerate(labels):
        at = margin + unit * (place + 0.5)
        parts.append(
            f'<text x="{margin - 5:.1f}" y="{at:.1f}" text-anchor="end" dominant-baseline="central" '
            f'font-size="{letters:.1f}" fill="var(--muted)">{label}</text>'
            f'<text transform="translate({at:.1f} {margin - 5:.1f}) rotate(-90)" dominant-baseline="central" '
            f'font-size="{letters:.1f}" fill="var(--muted)">{label}</text>'
        )
    return "".join(parts) + "</svg>"


def _confusion_image(counts: Floats) -> str:
    """One pixel a cell, opacity is the share of the row, as a data URI."""
    from PIL import Image

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pixels = np.zeros((*share.shape, 4), dtype=np.uint8)
    pixels[..., :3] = (224, 98, 20)  # between the light and the dark page's orange, as the blue is
    pixels[np.eye(len(share), dtype=np.bool_), :3] = (30, 136, 200)
    pixels[..., 3] = np.round(255 * np.sqrt(share))  # the square root makes rare confusions visible
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _plain_log(axis: Any) -> None:
    """Write the powers of ten out, and a few numbers between them where the axis spans less than a decade."""
    low, high = axis.get_view_interval()
    subs = (1.0,) if math.log10(high / low) >= 1.3 else (1.0, 2.0, 5.0)
    axis.get_major_locator().set_params(subs=subs)
    axis.set_major_formatter(lambda value, _: whole(round(value)) if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(lambda value, _: "")

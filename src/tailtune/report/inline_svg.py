"""Matplotlib figures as inline SVG that takes its colours and typeface from the page, in light, dark and print."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

# Matplotlib writes only fixed colours. Each stand-in below is drawn with and then replaced by the CSS variable of the
# page, which differs between light and dark; the values themselves are never seen.
INK, MUTED, LINE, SURFACE = "#01a001", "#01a002", "#01a003", "#01a004"
SERIES = ("#01b001", "#01b002", "#01b003", "#01b004", "#01b005")
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    SURFACE: "var(--surface)",
} | {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES)}
MARKERS = ("o", "s", "^", "D", "v")
WIDTH, HEIGHT = 390, 265  # points; text of 11 stays readable on a phone of 360 px and is not loud at 520

STYLE: dict[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tailtune",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.labelcolor": MUTED,
    "axes.labelpad": 6,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 4,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "text.color": INK,
    "text.parse_math": False,
    "figure.facecolor": "none",
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Any]:
    """Yield an empty matplotlib figure of `width` x `height` points in the page's style."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def markup(figure: Any, name: str, title: str) -> str:
    """Return `figure` as SVG to stand inside a page.

    Args:
        figure: a figure of `canvas`, still inside its context.
        name: unique within the page; prefixes every id, which would otherwise collide between figures.
        title: what the figure shows, for those who do not see it; it is escaped.

    Returns:
        The svg element: no fixed size but a viewBox, no fixed colour but CSS variables, no font of its own.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    body = text[text.index(">") + 1 :].strip()
    head = f'<svg {box[0]} role="img" aria-labelledby="{name}-title" xmlns="http://www.w3.org/2000/svg" '
    head += 'xmlns:xlink="http://www.w3.org/1999/xlink">'
    return f'{head}<title id="{name}-title">{escape(title)}</title>{body}'


def described(svg: str, name: str, text: str) -> str:
    """Put a description beside the title of an svg element of `markup`, and name it as such.

    Args:
        svg: the element.
        name: as it was given to `markup`.
        text: what the figure shows, in words; it is escaped.
    """
    svg = svg.replace(
        f'aria-labelledby="{name}-title"', f'aria-labelledby="{name}-title" aria-describedby="{name}-desc"', 1
    )
    return svg.replace("</title>", f'</title><desc id="{name}-desc">{escape(text)}</desc>', 1)


def in_percent(axis: Any) -> None:
    """Write the shares of an axis in percent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")

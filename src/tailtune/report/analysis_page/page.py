"""analysis.html of a run folder: one file that opens offline and needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.analysis.analysis import Analysis, Drawn, Figure, Lines, Surface
from tailtune.files import write_whole
from tailtune.report.analysis_page.figures import NAMED, by_class
from tailtune.report.analysis_page.shapes import lines, regions, surface
from tailtune.report.legend import Mark, marks
from tailtune.report.rendering import page
from tailtune.run.finished import Finished
from tailtune.run.manifest import seal_again
from tailtune.version import __version__

FILE = "analysis.html"
PARTS = {"train": "training rows", "test": "test rows"}


def write_analysis_page(run: Finished, found: Sequence[Analysis]) -> Path:
    """Write analysis.html into the folder of a run, take it up in DONE, and return its path.

    Raises:
        TailtuneError: no space for the page, or no right to write it.
    """
    out = run.folder / FILE
    write_whole(out, render(run, found).encode())
    seal_again(run.folder, FILE)
    return out


def render(run: Finished, found: Sequence[Analysis]) -> str:
    """Return the page as HTML; everything that came from data is escaped."""
    return page(
        "analysis_page.html.j2",
        {
            "version": __version__,
            "source": run.result.data.source,
            "method": run.result.model.label,
            "folder": run.folder.name,
            "report": (run.folder / "report.html").exists(),
            "analyses": [_shown(each) for each in found],
        },
    )


def _shown(found: Analysis) -> dict[str, object]:
    return {
        "name": found.name,
        "title": found.title,
        "reading": found.reading,
        "finding": found.finding,
        "tables": found.tables,
        "figures": [_figure(figure, f"{found.name}-{i}") for i, figure in enumerate(found.figures)],
    }


def _figure(figure: Drawn, name: str) -> dict[str, object]:
    """The figure with its caption and legend."""
    caption, legend, svg = figure.title, list[Mark](), ""
    if isinstance(figure, Figure):
        order = "classes from the largest to the smallest" if len(figure.labels) <= NAMED else "a mark a class"
        svg, caption = by_class(figure, name), f"{figure.title}, {order}"
        legend = marks([PARTS.get(series, series) for series in figure.series])
    elif isinstance(figure, Lines):
        svg, legend = lines(figure, name), marks(list(figure.series)) if len(figure.series) > 1 else []
    elif isinstance(figure, Surface):
        svg, caption = (
            surface(figure, name),
            f"{figure.title}; the cross marks the weights of the run, and equal shade is equal loss",
        )
    else:
        svg, legend = regions(figure, name), marks(figure.names)
        if any(answer < 0 for row in figure.answers for answer in row):
            caption = f"{figure.title}; grey where another class is answered"
    return {"svg": svg, "caption": caption, "marks": legend}

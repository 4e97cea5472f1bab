"""report.html of a study: one file that opens offline and needs no script."""

from __future__ import annotations

from pathlib import Path

from tailtune.files import write_whole
from tailtune.report.rendering import page
from tailtune.report.study_page.view import view
from tailtune.study.results import StudyResult


def write_study_page(folder: Path, result: StudyResult) -> Path:
    """Write report.html of a study.

    The file holds its style and figures, asks nothing of the net, forbids scripts, and is the same bytes for the same
    input.

    Args:
        folder: the study's folder.
        result: what it found.

    Returns:
        Path of the report.

    Raises:
        TailtuneError: no space for the report.
    """
    out = folder / "report.html"
    write_whole(out, render(result).encode())
    return out


def render(result: StudyResult) -> str:
    """Return the page of a study as HTML; everything that came from data or from the user is escaped."""
    return page("study_page.html.j2", view(result))

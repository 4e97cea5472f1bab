"""A study from plan to page: `tailtune compare`, `tailtune study` and `tailtune demo` are this."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tailtune.report.study_page.page import write_study_page
from tailtune.report.study_tex import write_study_tex
from tailtune.study.conduct import Conducted, Show, conduct
from tailtune.study.results import StudyResult
from tailtune.study.study import Study


def conduct_with_page(
    study: Study, *, show: Show, say: Callable[[str], object] = print, lenient: bool = False
) -> Conducted:
    """Carry out a study, or what is left of it, and show it; the arguments and errors are those of `conduct`."""
    conducted = conduct(study, show=show, say=say, lenient=lenient)
    write_pages(conducted.folder, conducted.result)
    return conducted


def write_pages(folder: Path, result: StudyResult) -> Path:
    """Write report.html and results.tex of a study; return the path of the former.

    Args:
        folder: the study's folder.
        result: what it found. No space left is a TailtuneError.
    """
    write_study_tex(folder, result.statistics)
    return write_study_page(folder, result)

"""A study from plan to page: `tailtune compare`, `tailtune study` and `tailtune demo` are this."""

from __future__ import annotations

from collections.abc import Callable

from tailtune.report.study_page.page import write_study_page
from tailtune.study.conduct import Conducted, Show, conduct
from tailtune.study.study import Study


def conduct_with_page(
    study: Study, *, show: Show, say: Callable[[str], object] = print, lenient: bool = False
) -> Conducted:
    """Carry out a study, or what is left of it, and write its page; the arguments and errors are those of `conduct`."""
    conducted = conduct(study, show=show, say=say, lenient=lenient)
    write_study_page(conducted.folder, conducted.result)
    return conducted

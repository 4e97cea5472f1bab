"""report.html of a run folder: one file that opens offline, needs no script and states what the run found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.advice.advice import Advice
from tailtune.advice.all_checks import advise
from tailtune.advice.facts import facts_of_result
from tailtune.files import write_whole
from tailtune.report.rendering import page
from tailtune.report.run_page.view import view
from tailtune.run.finished import Finished
from tailtune.run.manifest import DONE, seal_again


def write_report(run: Finished) -> Path:
    """Write report.html of a run.

    The file holds its style and figures, asks nothing of the net, forbids scripts, and is the same bytes for the same
    run. There may be no metrics.jsonl, as after a run that has no epochs.

    Args:
        run: the run.

    Returns:
        Path of the report.

    Raises:
        TailtuneError: a file that is missing or cannot be read, or no space for the report.
    """
    out = run.folder / "report.html"
    write_whole(out, render(run, advise(facts_of_result(run.result))).encode())
    if (run.folder / DONE).exists():
        seal_again(run.folder, out.name)
    return out


def render(run: Finished, advice: Sequence[Advice]) -> str:
    """Return the report as HTML; everything that came from data is escaped.

    Args:
        run: the run.
        advice: what the checks say about it.
    """
    return page("run_page.html.j2", view(run, advice))

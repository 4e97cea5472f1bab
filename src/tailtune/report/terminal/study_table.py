"""What a study prints: its verdict as sentences, and tables of every arm against the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY, at
from tailtune.report.measure_words import bare, show_change
from tailtune.report.study_page.order import by_difference, by_score, protocol
from tailtune.report.study_page.verdict import KINDS, headline, judge
from tailtune.study.results import StudyResult
from tailtune.study.statistics import SECONDS, Compared, Figure, Group, Statistics
from tailtune.words import NONE, number, p_value, points, shortened

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def study_lines(statistics: Statistics) -> list[str]:
    """Write the verdict as sentences: over all data sets, then for each of them.

    Returns:
        Lines of plain text; arms are named as the user named them, so print them without markup.
    """
    lines = [headline(statistics).sentence] if len(statistics.groups) != 1 else []
    for group in statistics.groups:
        standings = judge(statistics, group)
        lines.append(standings.sentence)
        for kind in standings.kinds:
            arms = (f"{shortened(e.label)} {e.change}" + f" [{e.interval}]" * bool(e.interval) for e in kind.entries)
            lines.append(f"  {kind.words}: {', '.join(arms)}")
        lines += standings.notes
    return lines


def study_table(statistics: Statistics) -> Table:
    """Lay a study out for a terminal of 80 columns, a section a data set, the best balanced accuracy first."""
    from rich.text import Text

    measure = BY_KEY[statistics.primary]
    baseline = shortened(statistics.baseline, 12)
    about = f"accuracy in percent, mean ± standard error; difference from {baseline} in points"
    table = _empty(statistics, "balanced", about, ("tail", "log loss", "seconds"))
    for group in statistics.groups:
        if len(statistics.groups) > 1:
            table.add_row(Text(group.name, style="bold"))
        for arm, cells in _compared(statistics, group, measure):
            figures = group.results[arm]
            tail, loss, seconds = (figures[key].mean for key in ("tail_accuracy", "log_loss", SECONDS.key))
            table.add_row(
                *cells,
                NONE if tail is None else points(tail),
                number(loss),
                NONE if seconds is None else f"{seconds:.3g}",
            )
        table.add_section()
    return table


def protocol_table(statistics: Statistics) -> Table | None:
    """Lay out the metrics by which published results are compared, a section a data set, the best arm first.

    Returns:
        The table; None where no data set has such a metric beside the primary one.
    """
    named = [(group, protocol(statistics, group)) for group in statistics.groups]
    sections = [(group, BY_KEY[metric]) for group, metric in named if metric]
    return _sections(statistics, sections, "by which published results are compared")


def own_table(result: StudyResult) -> Table | None:
    """Lay out a person's own measures and figures of analyses like the metrics of protocols; None without any."""
    groups = result.statistics.groups
    sections = [(group, measure) for group in groups for measure in at("terminal", result.measures)]
    return _sections(result.statistics, sections, "measures of your own and of analyses")


def _sections(statistics: Statistics, sections: Sequence[tuple[Group, Quantity]], about: str) -> Table | None:
    """A table with a section for a measure on a data set; None without sections."""
    from rich.text import Text

    if not sections:
        return None
    table = _empty(statistics, "", f"{about}; mean ± standard error")
    for group, measure in sections:
        several = f" on {group.name}" if len(statistics.groups) > 1 else ""
        table.add_row(Text(f"{measure.term}{several}", style="bold"))
        for _, cells in _compared(statistics, group, measure):
            table.add_row(*cells)
        table.add_section()
    return table


def _empty(statistics: Statistics, first: str, about: str, more: Sequence[str] = ()) -> Table:
    """A table without rows: the arm, its mean, its difference from the baseline, the adjusted p, and `more`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption=about, caption_justify="left")
    table.add_column("", overflow="fold", min_width=20)
    difference = f"from {shortened(statistics.baseline, 10)} [{100 * statistics.level:g} %]"
    for column in (first, difference, "Holm p", *more):
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _compared(statistics: Statistics, group: Group, measure: Quantity) -> list[tuple[str, list[Text | str]]]:
    """Each arm, the best first, with its first four cells."""
    from rich.text import Text

    found: list[tuple[str, list[Text | str]]] = []
    differences = dict(by_difference(group, statistics.baseline, measure))
    for arm in by_score(group, measure):
        mean, entry = _mean(group.results[arm][measure.key], measure), differences.get(arm)
        untested = "baseline" if arm == statistics.baseline else NONE
        cells = (mean, _difference(entry, measure), p_value(entry.holm_p)) if entry else (mean, untested, "")
        found.append((arm, [Text(shortened(arm)), *cells]))
    return found


def _mean(figure: Figure, measure: Quantity) -> str:
    if figure.mean is None:
        return NONE
    text = bare(measure, figure.mean)
    return text if figure.standard_error is None else f"{text} ± {bare(measure, figure.standard_error)}"


def _difference(entry: Compared, measure: Quantity) -> str:
    if entry.mean is None:
        return NONE
    text = f"{KINDS[entry.standing][0]} {show_change(measure, entry.mean)}"
    if entry.interval is None:
        return text
    low, high = (show_change(measure, end) for end in entry.interval)
    return f"{text} [{low}, {high}]"

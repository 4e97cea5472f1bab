"""A comparison for the terminal: its verdict as sentences, and a table of every method against the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY, at, of_result
from tailtune.report.compare_verdict import (
    KINDS,
    by_difference,
    headline,
    judge,
    p_value,
    points,
    protocol,
    shortened,
)
from tailtune.report.wording import NONE, bare, show_change

if TYPE_CHECKING:
    from rich.table import Table


def comparison_lines(results: Mapping[str, Any]) -> list[str]:
    """Write the verdict as sentences: over all data sets, then for each of them.

    Args:
        results: the content of results.json.

    Returns:
        Lines of plain text; method names are as the user gave them, so print them without markup.
    """
    comparison = results["comparison"]
    overall = headline(comparison)
    lines = [overall.sentence] if len(comparison["groups"]) != 1 else []
    for group in comparison["groups"]:
        standings = judge(comparison, group)
        lines.append(standings.sentence)
        for kind, entries in standings.kinds:
            words = KINDS[kind][1].format(comparison["baseline"])
            names = (f"{shortened(e.label)} {e.change}" + f" [{e.interval}]" * bool(e.interval) for e in entries)
            lines.append(f"  {words}: {', '.join(names)}")
        lines += standings.notes
    return lines


def comparison_table(results: Mapping[str, Any]) -> Table:
    """Lay a comparison out for a terminal of 80 columns, a section a data set, the best balanced accuracy first.

    Args:
        results: the content of results.json.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    comparison = results["comparison"]
    baseline, primary = comparison["baseline"], comparison["primary"]
    measure = BY_KEY[primary]
    caption = f"accuracy in percent, mean ± standard error; difference from {shortened(baseline, 12)} in points"
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    table.add_column("", overflow="fold", min_width=20)
    for column in ("balanced", f"from {shortened(baseline, 10)} [{100 * comparison['level']:g} %]", "Holm p"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("tail", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    for group in comparison["groups"]:
        if len(comparison["groups"]) > 1:
            table.add_row(Text(group["name"], style="bold"))
        differences = dict(by_difference(group, baseline, measure))
        for name in by_score(group, measure):
            figures, entry = group["results"][name], differences.get(name)
            table.add_row(
                Text(shortened(name)),
                _mean(figures[primary], measure),
                _difference(entry, measure) if entry else ("baseline" if name == baseline else NONE),
                p_value(entry["holm_p"]) if entry else "",
                NONE
                if figures.get("tail_accuracy", {}).get("mean") is None
                else points(figures["tail_accuracy"]["mean"]),
                NONE if figures.get("seconds", {}).get("mean") is None else f"{figures['seconds']['mean']:.3g}",
            )
        table.add_section()
    return table


def protocol_table(results: Mapping[str, Any]) -> Table | None:
    """Lay out the metrics by which published results are compared, a section a data set, the best method first.

    Args:
        results: the content of results.json.

    Returns:
        The table; None where no data set has such a metric beside the primary one.
    """
    comparison = results["comparison"]
    named = [(group, protocol(comparison, group)) for group in comparison["groups"]]
    sections = [(group, BY_KEY[metric]) for group, metric in named if metric]
    return _sections(comparison, sections, "by which published results are compared")


def own_table(results: Mapping[str, Any]) -> Table | None:
    """Lay out a person's own measures like the metrics by which published results are compared; None without any."""
    comparison = results["comparison"]
    own = [measure for measure in of_result(results) if measure.key not in BY_KEY]
    sections = [(group, measure) for group in comparison["groups"] for measure in at("terminal", own)]
    return _sections(comparison, sections, "measures of your own")


def _sections(
    comparison: Mapping[str, Any], sections: Sequence[tuple[Mapping[str, Any], Quantity]], about: str
) -> Table | None:
    """A table with a section for a measure on a data set; None without sections."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not sections:
        return None
    baseline = comparison["baseline"]
    caption = f"{about}; mean ± standard error"
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    table.add_column("", overflow="fold", min_width=20)
    for column in ("", f"from {shortened(baseline, 10)} [{100 * comparison['level']:g} %]", "Holm p"):
        table.add_column(column, justify="right", no_wrap=True)
    for group, measure in sections:
        differences = dict(by_difference(group, baseline, measure))
        several = f" on {group['name']}" if len(comparison["groups"]) > 1 else ""
        table.add_row(Text(f"{measure.term}{several}", style="bold"))
        for name in by_score(group, measure):
            entry = differences.get(name)
            table.add_row(
                Text(shortened(name)),
                _mean(group["results"][name][measure.key], measure),
                _difference(entry, measure) if entry else ("baseline" if name == baseline else NONE),
                p_value(entry["holm_p"]) if entry else "",
            )
        table.add_section()
    return table


def by_score(group: Mapping[str, Any], measure: Quantity) -> list[str]:
    """The methods from the best mean of `measure` to the worst; those without one last."""
    sign = 1 if measure.higher_is_better else -1
    means = {name: group["results"][name][measure.key]["mean"] for name in group["methods"]}
    return sorted(means, key=lambda name: (means[name] is None, -sign * (means[name] or 0.0)))


def _mean(figure: Mapping[str, Any], measure: Quantity) -> str:
    if figure["mean"] is None:
        return NONE
    error = figure["standard_error"]
    text = bare(measure, figure["mean"])
    return text if error is None else f"{text} ± {bare(measure, error)}"


def _difference(entry: Mapping[str, Any], measure: Quantity) -> str:
    if entry["mean"] is None:
        return NONE
    text = f"{KINDS[entry['standing']][0]} {show_change(measure, entry['mean'])}"
    if entry["interval"] is None:
        return text
    low, high = (show_change(measure, end) for end in entry["interval"])
    return f"{text} [{low}, {high}]"

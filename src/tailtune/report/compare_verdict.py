"""The verdict of a comparison in plain words: who is ahead of the baseline and by how much, and who is level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY
from tailtune.report.wording import MINUS, percent, show, show_change

LONGEST_LABEL = 40
FEW_SEEDS = 5
ROUNDING = 1e-9
NAMED = 6  # methods that a sentence names before it counts the rest

KINDS = {  # a standing, its glyph, and how it is said
    "ahead": ("▲", "Ahead of {}", "also after the adjustment for the number of methods"),
    "leans_ahead": ("△", "Leaning ahead", "its own interval lies above zero, but not after the adjustment"),
    "level": ("○", "Cannot be told apart from {}", "the interval of the difference holds zero"),
    "leans_behind": ("▽", "Leaning behind", "its own interval lies below zero, but not after the adjustment"),
    "behind": ("▼", "Behind {}", "also after the adjustment for the number of methods"),
    "untested": ("·", "Not tested", "too few seeds in common with {}, or no spread between them"),
}


@dataclass(frozen=True)
class Entry:
    """A method, its difference from the baseline and the interval, written for people."""

    label: str
    change: str
    interval: str


@dataclass(frozen=True)
class Standings:
    """What a data set says: a sentence, who stands where, and notes that keep it honest."""

    overall: Literal["ahead", "behind", "level", "mixed", "alone"]
    sentence: str
    kinds: tuple[tuple[str, tuple[Entry, ...]], ...]
    notes: tuple[str, ...]


def shortened(label: str, longest: int = LONGEST_LABEL) -> str:
    """Cut a label that is too long for its place.

    >>> shortened("sama", 4), shortened("sama(rho=0.1)", 8)
    ('sama', 'sama(rh…')
    """
    label = " ".join(str(label).split())
    return label if len(label) <= longest else label[: longest - 1] + "…"


def points(share: float, sign: str = "-") -> str:
    """Write a share as points with one decimal, no sign where it rounds to zero; `sign` is that of format strings.

    >>> points(0.0312), points(-0.0312), points(0.0312, "+"), points(-0.0001)
    ('3.1', '−3.1', '+3.1', '0.0')
    """
    text = f"{100 * share:{sign}.1f}"
    return text.replace("-", MINUS) if text.strip("+-0.") else "0.0"


def p_value(p: float | None) -> str:
    """Write a p value with three decimals, an en dash for None.

    >>> p_value(0.0004), p_value(0.03125), p_value(None)
    ('< 0.001', '0.031', '–')
    """
    if p is None:
        return "–"
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"


def by_difference(group: Mapping[str, Any], baseline: str, measure: Quantity) -> list[tuple[str, dict[str, Any]]]:
    """The methods other than the baseline with their difference, the best first; those without one last."""
    sign = 1 if measure.higher_is_better else -1
    found = [
        (name, entry)
        for name in group["methods"]
        if name != baseline and (entry := group["results"][name][measure.key]["difference"]) is not None
    ]
    return sorted(found, key=lambda each: (each[1]["mean"] is None, -sign * (each[1]["mean"] or 0.0)))


def protocol(comparison: Mapping[str, Any], group: Mapping[str, Any]) -> str | None:
    """The metric by which published results on a data set are compared, where it says more than the primary one.

    On a balanced test part, accuracy is balanced accuracy and says nothing more.

    Args:
        comparison: what `tailtune.study.statistics.compare` returned.
        group: one of its groups.
    """
    headline = group.get("headline")
    if headline is None:
        return None
    means = [
        (figures[headline]["mean"], figures[comparison["primary"]]["mean"]) for figures in group["results"].values()
    ]
    more = any(mean is not None and primary is not None and abs(mean - primary) > ROUNDING for mean, primary in means)
    return str(headline) if more else None


def judge(comparison: Mapping[str, Any], group: Mapping[str, Any]) -> Standings:
    """Judge one data set by its primary metric.

    Args:
        comparison: what `tailtune.study.statistics.compare` returned.
        group: one of its groups.

    Returns:
        The standings; they name methods as the user did, so escape them for HTML.
    """
    baseline, measure = comparison["baseline"], BY_KEY[comparison["primary"]]
    order = by_difference(group, baseline, measure)
    kinds: dict[str, list[Entry]] = {kind: [] for kind in KINDS}
    for name, entry in order:
        change = "–" if entry["mean"] is None else show_change(measure, entry["mean"])
        interval = "" if entry["interval"] is None else _ends(entry["interval"])
        kinds[entry["standing"]].append(Entry(name, change, interval))
    stated = tuple((kind, tuple(entries)) for kind, entries in kinds.items() if entries)
    return Standings(
        _overall(kinds), _sentence(comparison, group, order), stated, tuple(_notes(comparison, group, order))
    )


def headline(comparison: Mapping[str, Any]) -> Standings:
    """Judge all data sets together: who is ahead of the baseline on each of them.

    Args:
        comparison: what `tailtune.study.statistics.compare` returned.

    Returns:
        The only data set's standings, or a sentence over all of them without lists.
    """
    groups = comparison["groups"]
    if not groups:
        return Standings("alone", "No training finished, so there is nothing to compare.", (), ())
    if len(groups) == 1:
        return judge(comparison, groups[0])
    baseline, measure, N = comparison["baseline"], BY_KEY[comparison["primary"]], len(groups)
    standings: dict[str, list[str]] = {}
    for group in groups:
        for name, entry in by_difference(group, baseline, measure):
            standings.setdefault(name, []).append(entry["standing"])
    ahead = {name: kinds.count("ahead") for name, kinds in standings.items()}
    behind = [name for name, kinds in standings.items() if "behind" in kinds]
    everywhere = [name for name, times in ahead.items() if times == N]
    most = max(ahead.values(), default=0)
    overall: Literal["ahead", "behind", "level", "mixed", "alone"] = "level"
    if everywhere:
        verb = "is" if len(everywhere) == 1 else "are"
        places = "both" if N == 2 else f"all {N}"
        sentence = f"{_listed(everywhere)} {verb} ahead of {baseline} on {places} data sets"
        overall = "ahead"
    elif most:
        often = [name for name, times in ahead.items() if times == most]
        sentence = f"No method is ahead of {baseline} on every one of the {N} data sets"
        sentence += f"; most often ahead {'is' if len(often) == 1 else 'are'} {_listed(often)}, on {most} of {N}"
        overall = "mixed"
    elif not standings or all(kind == "untested" for kinds in standings.values() for kind in kinds):
        sentence = f"Nothing can be told from chance on these {N} data sets: a test needs two seeds or more"
        overall = "alone"
    else:
        sentence = f"No method can be told to be ahead of {baseline} on any of the {N} data sets"
        overall = "behind" if behind else "level"
    if behind:
        count = f"{len(behind)} {'is' if len(behind) == 1 else 'are'}"
        sentence += f"; {count} behind it on at least one"
    return Standings(overall, sentence + ".", (), ())


def _overall(kinds: Mapping[str, Sequence[Entry]]) -> Literal["ahead", "behind", "level", "mixed", "alone"]:
    if kinds["ahead"]:
        return "ahead"
    if kinds["leans_ahead"] or kinds["level"] or kinds["leans_behind"]:
        return "level"
    return "behind" if kinds["behind"] else "alone"


def _sentence(
    comparison: Mapping[str, Any], group: Mapping[str, Any], order: Sequence[tuple[str, dict[str, Any]]]
) -> str:
    baseline, where = comparison["baseline"], f"On {group['name']}"
    tested = [(name, entry) for name, entry in order if entry["standing"] != "untested"]
    if not order:
        return _alone(comparison, group)
    if not tested:
        return _untested(comparison, group, order)
    of = {kind: [each for each in tested if each[1]["standing"] == kind] for kind in KINDS}
    total = len(order)
    if total == 1:
        return _single(comparison, where, *tested[0])
    if of["ahead"]:
        top, entry = of["ahead"][0]
        if len(of["ahead"]) == 1:
            sentence = f"{where}, {shortened(top)} is ahead of {baseline} by {_by(comparison, entry)}"
        else:
            sentence = f"{where}, {len(of['ahead'])} of {total} methods are ahead of {baseline}, most of all "
            sentence += f"{shortened(top)}, by {_by(comparison, entry)}"
    else:
        sentence = f"{where}, none of the {total} methods can be told to be ahead of {baseline}"
        if of["leans_ahead"]:
            top, entry = of["leans_ahead"][0]
            sentence += f"; {shortened(top)} leans ahead, by {_by(comparison, entry)}, which does not outlast "
            sentence += f"the adjustment for {total} comparisons"
    rest = len(of["leans_ahead"]) + len(of["level"]) + len(of["leans_behind"])
    parts = []
    if rest and of["ahead"]:
        parts.append(f"{rest} cannot be told apart from it")
    if of["behind"]:
        parts.append(f"{len(of['behind'])} {'is' if len(of['behind']) == 1 else 'are'} behind")
    return sentence + ("; " + " and ".join(parts) if parts else "") + "."


def _single(comparison: Mapping[str, Any], where: str, name: str, entry: dict[str, Any]) -> str:
    baseline, label = comparison["baseline"], shortened(name)
    if entry["standing"] in {"ahead", "behind"}:
        return f"{where}, {label} is {entry['standing']} {'of ' * (entry['standing'] == 'ahead')}{baseline} by " + (
            _by(comparison, entry) + "."
        )
    change = show_change(BY_KEY[comparison["primary"]], entry["mean"])
    return (
        f"{where}, {label} cannot be told apart from {baseline}: the difference is {change} points of "
        f"balanced accuracy ({_level(comparison)} interval {_ends(entry['interval'])})."
    )


def _alone(comparison: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    baseline = comparison["baseline"]
    if baseline in group["methods"]:
        return f"On {group['name']} only {baseline} finished, so there is nothing to compare it with."
    return f"On {group['name']} no training of {baseline} finished, so no method is compared with it."


def _untested(
    comparison: Mapping[str, Any], group: Mapping[str, Any], order: Sequence[tuple[str, dict[str, Any]]]
) -> str:
    top, entry = order[0]
    seeds = len(group["seeds"])
    start = f"On {group['name']}, {'one seed tells' if seeds == 1 else 'these seeds tell'} nothing about chance"
    if entry["mean"] is None:
        return start + "."
    value = percent(group["results"][top][comparison["primary"]]["mean"])
    side = "more" if entry["mean"] >= 0 else "less"
    points = f"{abs(100 * entry['mean']):.1f}"
    return (
        f"{start}; of the methods compared with {comparison['baseline']}, {shortened(top)} has the highest balanced "
        f"accuracy, {value}, {points} points {side} than {comparison['baseline']}."
    )


def _by(comparison: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Write the size of a difference and its interval without signs, since the words already say which way."""
    ends = sorted(abs(100 * end) for end in entry["interval"])
    return (
        f"{abs(100 * entry['mean']):.1f} points of balanced accuracy "
        f"({_level(comparison)} interval {ends[0]:.1f} to {ends[1]:.1f})"
    )


def _level(comparison: Mapping[str, Any]) -> str:
    return f"{100 * comparison['level']:g} %"


def _ends(interval: Sequence[float]) -> str:
    low, high = (points(end) for end in interval)
    return f"{low} to {high}"


def _listed(names: Sequence[str]) -> str:
    shown = [shortened(name) for name in names[:NAMED]]
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _notes(
    comparison: Mapping[str, Any], group: Mapping[str, Any], order: Sequence[tuple[str, dict[str, Any]]]
) -> list[str]:
    notes = _published(comparison, group)
    used = [entry["n"] for _, entry in order if entry["interval"] is not None and entry["t"] is not None]
    if used and max(used) < FEW_SEEDS:
        from scipy.special import stdtrit

        reach = float(stdtrit(max(used) - 1, (1 + comparison["level"]) / 2))
        notes.append(
            f"With {max(used)} seeds a {_level(comparison)} interval reaches {reach:.1f} standard errors to each side: "
            "only large differences can show."
        )
    return notes + list(group["notes"])


def _published(comparison: Mapping[str, Any], group: Mapping[str, Any]) -> list[str]:
    """Return one sentence about the metric of the data set's protocol, where there is one beside the primary one."""
    metric = protocol(comparison, group)
    if metric is None:
        return []
    measure, top, primary = BY_KEY[metric], group["best"][metric]["method"], BY_KEY[comparison["primary"]].term
    figure = group["results"][top][metric]
    sentence = f"Published results on this data set are compared by {measure.term}: {shortened(top)} has the best, "
    sentence += show(measure, figure["mean"])
    entry = figure["difference"]
    if entry is not None and entry["interval"] is not None:
        low, high = (show_change(measure, end) for end in entry["interval"])
        sentence += f", {show_change(measure, entry['mean'])} from {comparison['baseline']} "
        sentence += f"({_level(comparison)} interval {low} to {high})"
    return [f"{sentence}. Who is ahead is judged by {primary} all the same."]

"""The verdict of a study in plain words: who is ahead of the baseline and by how much, and who is level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tailtune.evaluation.measures import BY_KEY
from tailtune.report.measure_words import show, show_change
from tailtune.report.rendering import sentence
from tailtune.report.study_page.order import by_difference, protocol
from tailtune.study.statistics import Compared, Group, Standing, Statistics
from tailtune.words import NONE, points

FEW_SEEDS = 5
NAMED = 6  # arms that a sentence names before it counts the rest
SENTENCES = "study_verdict.txt.j2"

# a standing, its glyph, and how it is said: {0} is the baseline, {1} what an arm is called
KINDS: Mapping[Standing, tuple[str, str, str]] = {
    "ahead": ("▲", "Ahead of {0}", "also after the adjustment for the number of {1}s"),
    "leans_ahead": ("△", "Leaning ahead", "its own interval lies above zero, but not after the adjustment"),
    "level": ("○", "Cannot be told apart from {0}", "the interval of the difference holds zero"),
    "leans_behind": ("▽", "Leaning behind", "its own interval lies below zero, but not after the adjustment"),
    "behind": ("▼", "Behind {0}", "also after the adjustment for the number of {1}s"),
    "untested": ("·", "Not tested", "too few seeds in common with {0}, or no spread between them"),
}

Overall = Literal["ahead", "behind", "level", "mixed", "alone"]
Order = Sequence[tuple[str, Compared]]


@dataclass(frozen=True)
class Entry:
    """An arm, its difference from the baseline and the interval, written for people."""

    label: str
    change: str
    interval: str


@dataclass(frozen=True)
class Kind:
    """The arms of one standing, with its glyph, its name, and what it means."""

    standing: Standing
    glyph: str
    words: str
    meaning: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Standings:
    """What a data set says: a sentence, who stands where, and notes that keep it honest."""

    overall: Overall
    sentence: str
    kinds: tuple[Kind, ...] = ()
    notes: tuple[str, ...] = ()


def judge(statistics: Statistics, group: Group) -> Standings:
    """Judge one data set by its primary metric.

    Returns:
        The standings; they name arms as the user did, so escape them for HTML.
    """
    order = by_difference(group, statistics.baseline, BY_KEY[statistics.primary])
    return Standings(
        overall=_overall({entry.standing for _, entry in order}),
        sentence=_sentence(statistics, group, order),
        kinds=tuple(_kinds(statistics, order)),
        notes=tuple(_notes(statistics, group, order)),
    )


def headline(statistics: Statistics) -> Standings:
    """Judge all data sets together: who is ahead of the baseline on each of them.

    Returns:
        The only data set's standings, or a sentence over all of them without lists.
    """
    groups = statistics.groups
    if not groups:
        return Standings("alone", sentence(SENTENCES, "nothing_finished"))
    if len(groups) == 1:
        return judge(statistics, groups[0])
    found: dict[str, list[Standing]] = {}
    for group in groups:
        for arm, entry in by_difference(group, statistics.baseline, BY_KEY[statistics.primary]):
            found.setdefault(arm, []).append(entry.standing)
    ahead = {arm: kinds.count("ahead") for arm, kinds in found.items()}
    most = max(ahead.values(), default=0)
    behind = sum("behind" in kinds for kinds in found.values())
    overall: Overall = "behind" if behind else "level"
    if most == len(groups):
        overall = "ahead"
    elif most:
        overall = "mixed"
    elif all(kind == "untested" for kinds in found.values() for kind in kinds):
        overall = "alone"
    told = sentence(
        SENTENCES,
        "over_data_sets",
        overall=overall,
        ahead=[arm for arm, times in ahead.items() if times == most],
        times=most,
        behind=behind,
        baseline=statistics.baseline,
        noun=statistics.noun,
        total=len(groups),
        named=NAMED,
    )
    return Standings(overall, told)


def span(interval: Sequence[float]) -> str:
    """Write the ends of an interval in points."""
    low, high = (points(end) for end in interval)
    return f"{low} to {high}"


def _kinds(statistics: Statistics, order: Order) -> list[Kind]:
    measure = BY_KEY[statistics.primary]
    entries: dict[Standing, list[Entry]] = {standing: [] for standing in KINDS}
    for arm, entry in order:
        change = NONE if entry.mean is None else show_change(measure, entry.mean)
        interval = "" if entry.interval is None else span(entry.interval)
        entries[entry.standing].append(Entry(arm, change, interval))
    found = []
    for standing, (glyph, words, meaning) in KINDS.items():
        if entries[standing]:
            words, meaning = (text.format(statistics.baseline, statistics.noun) for text in (words, meaning))
            found.append(Kind(standing, glyph, words, meaning, tuple(entries[standing])))
    return found


def _overall(standings: set[Standing]) -> Overall:
    if "ahead" in standings:
        return "ahead"
    if standings & {"leans_ahead", "level", "leans_behind"}:
        return "level"
    return "behind" if "behind" in standings else "alone"


def _sentence(statistics: Statistics, group: Group, order: Order) -> str:
    tested = [(arm, entry) for arm, entry in order if entry.standing != "untested"]
    about = {"where": group.name, "baseline": statistics.baseline, "level": _level(statistics)}
    if not order:
        return sentence(
            SENTENCES,
            "alone",
            where=group.name,
            baseline=statistics.baseline,
            noun=statistics.noun,
            arms=group.arms,
        )
    if not tested:
        (top, entry), *_ = order
        return sentence(
            SENTENCES,
            "untested",
            where=group.name,
            baseline=statistics.baseline,
            noun=statistics.noun,
            seeds=len(group.seeds),
            top=top,
            score=group.results[top][statistics.primary].mean,
            difference=entry.mean,
        )
    if len(order) == 1:
        ((arm, entry),) = tested
        change = "" if entry.mean is None else show_change(BY_KEY[statistics.primary], entry.mean)
        ends = "" if entry.interval is None else span(entry.interval)
        return sentence(SENTENCES, "single", arm=arm, entry=entry, change=change, ends=ends, **about)
    of = {kind: [each for each in tested if each[1].standing == kind] for kind in KINDS}
    return sentence(
        SENTENCES,
        "several",
        ahead=of["ahead"],
        leaning=of["leans_ahead"],
        level_with=len(of["leans_ahead"]) + len(of["level"]) + len(of["leans_behind"]),
        behind=len(of["behind"]),
        total=len(order),
        noun=statistics.noun,
        **about,
    )


def _level(statistics: Statistics) -> str:
    return f"{100 * statistics.level:g}"


def _notes(statistics: Statistics, group: Group, order: Order) -> list[str]:
    notes = _published(statistics, group)
    used = [entry.n for _, entry in order if entry.interval is not None and entry.t is not None]
    if used and max(used) < FEW_SEEDS:
        from scipy.special import stdtrit

        reach = float(stdtrit(max(used) - 1, (1 + statistics.level) / 2))
        notes.append(sentence(SENTENCES, "few_seeds", seeds=max(used), level=_level(statistics), reach=reach))
    return [*notes, *group.notes]


def _published(statistics: Statistics, group: Group) -> list[str]:
    """Return one sentence about the metric of the data set's protocol, where there is one beside the primary one."""
    key = protocol(statistics, group)
    best = None if key is None else group.best[key]
    if key is None or best is None:
        return []
    measure, figure = BY_KEY[key], group.results[best.arm][key]
    entry, changes = figure.difference, []
    if entry is not None and entry.mean is not None and entry.interval is not None:
        changes = [show_change(measure, value) for value in (entry.mean, *entry.interval)]
    return [
        sentence(
            SENTENCES,
            "published",
            term=measure.term,
            primary=BY_KEY[statistics.primary].term,
            arm=best.arm,
            value=show(measure, figure.mean),
            changes=changes,
            baseline=statistics.baseline,
            level=_level(statistics),
        )
    ]

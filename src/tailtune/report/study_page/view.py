"""What the template of a study's page names: every list, text and figure, made from the study's result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY, MEASURES, at
from tailtune.report.repeating import machine_facts, version_facts
from tailtune.report.study_page import figures
from tailtune.report.study_page.curves import Curves, learning_curves
from tailtune.report.study_page.order import by_difference, by_score, protocol
from tailtune.report.study_page.record import asked, failed, missing, searched, shared, splits, varied
from tailtune.report.study_page.tables import (
    FigureRow,
    Others,
    Tests,
    TimeRow,
    columns,
    figure_row,
    highlighted,
    others,
    test_row,
    tests,
    times,
)
from tailtune.report.study_page.verdict import KINDS, Standings, headline, judge
from tailtune.study.ranks import Ranks
from tailtune.study.results import StudyResult
from tailtune.study.statistics import Group, Statistics
from tailtune.words import shortened


@dataclass(frozen=True)
class GroupView:
    """Everything that the page shows of one data set."""

    id: str
    name: str
    standings: Standings
    forest: str | None
    curves: Curves | None
    columns: tuple[Quantity, ...]
    rows: tuple[FigureRow, ...]
    highlighted: bool
    tests: tuple[Tests, ...]
    others: Others
    seconds: tuple[TimeRow, ...]


@dataclass(frozen=True)
class RankRow:
    """An arm with its mean rank and its rank on each data set."""

    label: str
    mean: str
    each: tuple[str, ...]


@dataclass(frozen=True)
class RanksView:
    """The ranks over the data sets as a figure and as rows."""

    figure: str
    rows: tuple[RankRow, ...]


def view(result: StudyResult) -> Mapping[str, object]:
    """Return everything that the template names."""
    statistics = result.statistics
    measures = [*MEASURES, *result.measures]
    return {
        "result": result,
        "statistics": statistics,
        "baseline": statistics.baseline,
        "noun": statistics.noun,
        "level": f"{100 * statistics.level:g}",
        "headline": headline(statistics),
        "groups": [_group(result, group, i, measures) for i, group in enumerate(statistics.groups)],
        "glyphs": {standing: glyph for standing, (glyph, _, _) in KINDS.items()},
        "arms": list(dict.fromkeys(arm for group in statistics.groups for arm in group.arms)),
        "seeds": " or ".join(map(str, sorted({len(group.seeds) for group in statistics.groups}))),
        "trained": len(result.rows),
        "planned": max(result.planned, len(result.rows)),
        "missing": missing(result),
        "ranks": None if statistics.ranks is None else _ranks(statistics.ranks, statistics.noun),
        "vary": varied(result),
        "trials": result.asked.get("tune_trials"),
        "searches": [searched(search) for search in result.searches],
        "asked": asked(result),
        "shared": shared(result),
        "failed": [failed(failure) for failure in result.failed],
        "machine": machine_facts(result.machine),
        "versions": version_facts(result.tailtune, result.versions),
        "splits": [splits(group, result.rows) for group in statistics.groups],
    }


def _group(result: StudyResult, group: Group, index: int, measures: Sequence[Quantity]) -> GroupView:
    statistics, baseline = result.statistics, result.statistics.baseline
    primary, published = BY_KEY[statistics.primary], protocol(statistics, group)
    order, arms = by_difference(group, baseline, primary), by_score(group, primary)
    tested = [primary, *([BY_KEY[published]] if published else [])]
    standings = judge(statistics, group)
    slug = f"g{index}-" + (re.sub(r"[^a-z0-9]+", "-", group.name.lower()).strip("-") or "data")
    stated = columns(group, measures, primary)
    shown = at("columns", stated)
    return GroupView(
        id=slug,
        name=group.name,
        standings=standings,
        forest=_forest(statistics, group, slug, standings.sentence),
        curves=learning_curves(result.curves, group, arms, baseline, f"curves-{slug}"),
        columns=tuple(shown),
        rows=tuple(figure_row(group, arm, shown, baseline) for arm in arms),
        highlighted=any(highlighted(group, measure.key) for measure in shown),
        tests=tuple(tests(group, baseline, measure) for measure in tested) if order else (),
        others=others(group, [arm for arm, _ in order], stated, tested),
        seconds=tuple(times(group, baseline)),
    )


def _forest(statistics: Statistics, group: Group, slug: str, sentence: str) -> str | None:
    """The figure of the differences from the baseline; None without any."""
    primary = BY_KEY[statistics.primary]
    order = by_difference(group, statistics.baseline, primary)
    drawn = [(arm, entry) for arm, entry in order if entry.mean is not None]
    if not drawn:
        return None
    title = (
        f"Balanced accuracy on {group.name}: difference of each {statistics.noun} from {statistics.baseline}, "
        "with intervals"
    )
    told = [test_row(arm, entry, primary) for arm, entry in drawn]
    text = "; ".join(f"{shortened(row.label)} {row.change} ({row.interval or 'no interval'})" for row in told)
    return figures.forest(drawn, statistics.baseline, f"forest-{slug}", title, f"{sentence} {text}.")


def _ranks(ranks: Ranks, noun: str) -> RanksView:
    title = f"Mean rank of each {noun} over {len(ranks.datasets)} data sets"
    text = "; ".join(f"{shortened(arm)} {mean:.2f}" for arm, mean in ranks.mean_rank.items())
    rows = tuple(
        RankRow(arm, f"{mean:.2f}", tuple(f"{rank:g}" for rank in ranks.ranks[arm]))
        for arm, mean in ranks.mean_rank.items()
    )
    return RanksView(figures.rank_plot(ranks, "ranks", title, text), rows)

"""The tables of a study's page: every figure of every arm, the tests against the baseline, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import at
from tailtune.report.measure_words import bare, show_change
from tailtune.report.study_page.order import by_difference
from tailtune.study.statistics import SECONDS, Compared, Figure, Group, Standing
from tailtune.words import MINUS, NONE, duration, p_value


@dataclass(frozen=True)
class Cell:
    """Mean and standard error of a figure; whether nothing is better."""

    mean: str
    error: str
    best: bool


@dataclass(frozen=True)
class FigureRow:
    """An arm with a cell a measure."""

    label: str
    baseline: bool
    seeds: str
    cells: tuple[Cell, ...]
    seconds: str


@dataclass(frozen=True)
class TestRow:
    """An arm against the baseline on one measure."""

    label: str
    standing: Standing
    n: int
    change: str
    interval: str
    t: str
    p: str
    holm_p: str
    wilcoxon: str
    note: str


@dataclass(frozen=True)
class Tests:
    """The tests of every arm on one measure; `wilcoxon` says the smallest p that the signed-rank test can give."""

    term: str
    rows: tuple[TestRow, ...]
    wilcoxon: str


@dataclass(frozen=True)
class OtherCell:
    """A difference from the baseline with its adjusted p."""

    change: str
    standing: Standing
    p: str


@dataclass(frozen=True)
class OtherRow:
    """An arm with a cell a measure."""

    label: str
    cells: tuple[OtherCell, ...]


@dataclass(frozen=True)
class Others:
    """Differences from the baseline on the other measures, each column a family of its own."""

    columns: tuple[Quantity, ...]
    rows: tuple[OtherRow, ...]


@dataclass(frozen=True)
class TimeRow:
    """Time of a training of an arm, and how many times the baseline's."""

    label: str
    seconds: str
    error: str
    ratio: str
    range: str
    share: float


def columns(group: Group, measures: Sequence[Quantity], primary: Quantity) -> list[Quantity]:
    """Measures that any arm of the group has: the primary one, the protocol's, then the others.

    Those that mean something for certain classes only are there where the data set's protocol names them, and those
    that another one says better only without it.
    """
    stated = [
        measure
        for measure in at("study", measures)
        if (measure.everywhere or measure.key == group.headline)
        and any((figure := row.get(measure.key)) and figure.mean is not None for row in group.results.values())
    ]
    covered = {measure.covers for measure in stated}
    first = sorted(stated, key=lambda measure: (measure.key != primary.key, measure.everywhere))
    return [measure for measure in first if measure.key not in covered]


def highlighted(group: Group, key: str) -> list[str]:
    """The best arm and those level with it; none where that is every arm, as then nothing stands out."""
    best = group.best.get(key)
    if best is None:
        return []
    found = [best.arm, *best.level_with]
    stated = sum(figures[key].mean is not None for figures in group.results.values())
    return found if len(found) < stated else []


def figure_row(group: Group, arm: str, shown: Sequence[Quantity], baseline: str) -> FigureRow:
    """Return the figures of an arm."""
    figures = group.results[arm]
    most = max((figures[measure.key].n for measure in shown), default=0)
    return FigureRow(
        label=arm,
        baseline=arm == baseline,
        seeds=f"{most} of {len(group.seeds)} seeds" if most < len(group.seeds) else "",
        cells=tuple(_cell(figures[m.key], m, arm in highlighted(group, m.key)) for m in shown),
        seconds=duration(figures[SECONDS.key].mean),
    )


def _cell(figure: Figure, measure: Quantity, best: bool) -> Cell:
    """Mean and standard error, in percent without the sign where the measure is a share."""
    if figure.mean is None:
        return Cell(NONE, "", best)
    error = "" if figure.standard_error is None else bare(measure, figure.standard_error)
    return Cell(bare(measure, figure.mean), error, best)


def tests(group: Group, baseline: str, measure: Quantity) -> Tests:
    """Return the tests of every arm against the baseline on one measure."""
    order = by_difference(group, baseline, measure)
    made = {entry.wilcoxon.n: entry.wilcoxon.smallest_p for _, entry in order if entry.wilcoxon}
    smallest = ", ".join(f"{p:.3g} for {n} differences other than zero" for n, p in sorted(made.items()))
    return Tests(measure.term, tuple(test_row(arm, entry, measure) for arm, entry in order), smallest)


def test_row(arm: str, entry: Compared, measure: Quantity) -> TestRow:
    """Return the test of one arm."""
    return TestRow(
        label=arm,
        standing=entry.standing,
        n=entry.n,
        change=NONE if entry.mean is None else show_change(measure, entry.mean),
        interval="" if entry.interval is None else " to ".join(show_change(measure, end) for end in entry.interval),
        t=NONE if entry.t is None else f"{entry.t:.2f}".replace("-", MINUS),
        p=p_value(entry.p),
        holm_p=p_value(entry.holm_p),
        wilcoxon=NONE if entry.wilcoxon is None else p_value(entry.wilcoxon.p),
        note=entry.note or "",
    )


def others(group: Group, arms: Sequence[str], stated: Sequence[Quantity], tested: Sequence[Quantity]) -> Others:
    """Return the differences of `arms` on the measures that are `stated` and not `tested`."""
    shown = tuple(measure for measure in stated if measure not in tested)
    return Others(shown, tuple(OtherRow(arm, tuple(_other(group, arm, measure) for measure in shown)) for arm in arms))


def _other(group: Group, arm: str, measure: Quantity) -> OtherCell:
    entry = group.results[arm][measure.key].difference
    if entry is None or entry.mean is None:
        return OtherCell(NONE, "untested", NONE)
    return OtherCell(show_change(measure, entry.mean), entry.standing, p_value(entry.holm_p))


def times(group: Group, baseline: str) -> list[TimeRow]:
    """Time of a training and its ratio to the baseline's, the quickest first."""
    ratios = {arm: entry.ratio for arm, entry in group.seconds.items() if entry is not None}
    if baseline in group.arms:
        ratios[baseline] = 1.0
    longest = max(ratios.values(), default=1.0)
    rows = []
    for arm in sorted(ratios, key=lambda each: ratios[each]):
        figure, entry = group.results[arm][SECONDS.key], group.seconds.get(arm)
        rows.append(
            TimeRow(
                label=arm,
                seconds=duration(figure.mean),
                error="" if figure.standard_error is None else f"± {figure.standard_error:.2g}",
                ratio=f"{ratios[arm]:.2f}",
                range=f"{entry.smallest:.2f} to {entry.largest:.2f}" if entry is not None and entry.n > 1 else "",
                share=ratios[arm] / longest,
            )
        )
    return rows

"""The statistics of a comparison: every method against the baseline on the same seeds, on each data set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.study.paired import WILCOXON_SEEDS, Paired, SignedRank, holm, paired_t, signed_rank
from tailtune.study.ranks import Ranks, mean_ranks

Row = Mapping[str, Any]  # of the tidy table, or as a person gives it
Seeds = dict[Any, Row]  # the rows of one arm on one data set by their seed
Standing = Literal["ahead", "leans_ahead", "level", "leans_behind", "behind", "untested"]

SECONDS = Quantity(
    key="seconds",
    words="Time",
    term="seconds of training, lower is better",
    meaning="How long the training took.",
    short="Seconds",
    higher_is_better=False,
    places=("study",),
)
PRIMARY = balanced_accuracy.key
COMPARED: tuple[Quantity, ...] = (*at("study", MEASURES), SECONDS)
NEEDED = ("dataset", "ratio", "arm", "seed")


@dataclass(frozen=True)
class Compared(Paired):
    """An arm against the baseline on one figure.

    Attributes:
        seeds: that both have, on one and the same split.
        wilcoxon: the signed-rank test, from six seeds on.
        holm_p: p after Holm's adjustment over the arms.
        standing: what follows from it.
    """

    seeds: tuple[int, ...] = ()
    wilcoxon: SignedRank | None = None
    holm_p: float | None = None
    standing: Standing = "untested"


@dataclass(frozen=True)
class Figure:
    """A figure of an arm over its seeds: their number, mean, standard error, and difference from the baseline's."""

    n: int
    mean: float | None
    standard_error: float | None
    difference: Compared | None = None


@dataclass(frozen=True)
class Best:
    """The arm with the best mean, and those whose paired interval of the difference from it holds zero."""

    arm: str
    level_with: tuple[str, ...]


@dataclass(frozen=True)
class Times:
    """Seconds over the baseline's on the same seeds: geometric mean, smallest and largest."""

    n: int
    ratio: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class Group:
    """The arms on one data set, or on a data set at one ratio.

    Attributes:
        dataset, ratio: which.
        name: both in words.
        headline: metric by which published results are compared there.
        seeds: that any arm has.
        arms: that have rows.
        results: of each arm, each figure.
        best: of each figure.
        seconds: of each arm but the baseline.
        notes: what was left out and why.
    """

    dataset: str
    ratio: float | None
    name: str
    headline: str | None
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    results: dict[str, dict[str, Figure]]
    best: dict[str, Best | None]
    seconds: dict[str, Times | None]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Statistics:
    """Every arm against the baseline.

    Attributes:
        baseline: the arm that all others are compared with.
        noun: what an arm is called.
        level: coverage of the intervals.
        primary: the figure that decides the standings.
        metrics: what is summarised.
        family: a sentence on the adjustment.
        groups: one a data set.
        ranks: over the data sets; None for a single one.
    """

    baseline: str
    noun: str
    level: float
    primary: str
    metrics: tuple[str, ...]
    family: str
    groups: tuple[Group, ...]
    ranks: Ranks | None


def compare(
    rows: Iterable[Row],
    baseline: str = "erm",
    measures: Sequence[Quantity] = COMPARED,
    level: float = 0.95,
    noun: str = "method",
) -> Statistics:
    """Compare every arm with the baseline, within each data set (a data set at a ratio is one).

    - Each method has its mean and standard error, s / sqrt(n), over its seeds.
    - Against the baseline, differences are taken seed by seed, so that what a seed makes hard for both drops out. A
      pair whose two trainings had different splits (`split_hash`) is no pair and is left out.
    - Holm's adjustment runs over one family: the methods other than the baseline, on one metric and one data set.
      The conclusions rest on the family of balanced accuracy; every other metric is a family of its own.
    - A method is "ahead" or "behind" where its adjusted p is under 1 - `level`; it "leans" where only its own
      interval leaves out zero; "level" means that it cannot be told apart; "untested" that nothing could be tested.
    - Seconds are no outcome of chance to be tested but a cost: they have the ratio to the baseline's.

    Args:
        rows: one a finished training: dataset, ratio, arm, seed, the metrics (absent or None where undefined) and,
            where known, split_hash and headline, the metric by which published results on the data set are compared;
            rows with another `status` than "done" are passed over.
        baseline: the method that all others are compared with.
        measures: what to summarise; balanced accuracy decides the standings.
        level: coverage of the intervals, and one minus the error rate of a family.
        noun: what an arm is called in sentences.

    Raises:
        TailtuneError: a row without its data set, ratio, method or seed, two rows of one training, a figure that is
            not a number, or a level outside 0..1.
    """
    if not 0 < level < 1:
        raise TailtuneError(f"the level of the intervals must lie between 0 and 1, however: {level}")
    metrics = [measure.key for measure in measures]
    groups = [
        _group(dataset, ratio, methods, baseline, measures, level)
        for (dataset, ratio), methods in _arranged(rows, metrics).items()
    ]
    return Statistics(
        baseline=baseline,
        noun=noun,
        level=level,
        primary=PRIMARY,
        metrics=tuple(metrics),
        family=_family(baseline, groups, noun),
        groups=tuple(groups),
        ranks=_ranks(groups, level) if PRIMARY in metrics else None,
    )


def _arranged(rows: Iterable[Row], metrics: Sequence[str]) -> dict[tuple[str, float | None], dict[str, Seeds]]:
    """Rows by data set, arm and seed.

    Raises:
        TailtuneError: a row without a needed entry, two rows of one training, a figure that is not a number.
    """
    found: dict[tuple[str, float | None], dict[str, Seeds]] = {}
    for i, row in enumerate(rows):
        if row.get("status", "done") != "done":
            continue
        absent = [key for key in NEEDED if key not in row]
        if absent:
            raise TailtuneError(f"row {i} of the results lacks {', '.join(absent)}; run tailtune compare again")
        where = f"{row['arm']}, seed {row['seed']}, on {name_of(row)}"
        for metric in metrics:
            if not isinstance(row.get(metric), int | float | None):
                raise TailtuneError(f"{metric} of {where} must be a number, however: {row[metric]!r}")
        seeds = found.setdefault((row["dataset"], row["ratio"]), {}).setdefault(row["arm"], {})
        if row["seed"] in seeds:
            raise TailtuneError(f"two results of {where}: give arms different names")
        seeds[row["seed"]] = row
    return found


def name_of(row: Row) -> str:
    """Write a data set at its ratio.

    >>> name_of({"dataset": "digits", "ratio": 0.01}), name_of({"dataset": "adult", "ratio": None})
    ('digits at ratio 0.01', 'adult')
    """
    return row["dataset"] if row["ratio"] is None else f"{row['dataset']} at ratio {row['ratio']:g}"


def _group(
    dataset: str,
    ratio: float | None,
    methods: dict[str, Seeds],
    baseline: str,
    measures: Sequence[Quantity],
    level: float,
) -> Group:
    reference = methods.get(baseline, {})
    pairs = {name: _pairs(seeds, reference) for name, seeds in methods.items() if name != baseline and reference}
    results: dict[str, dict[str, Figure]] = {name: {} for name in methods}
    for measure in measures:
        metric = measure.key
        for name, seeds in methods.items():
            results[name][metric] = _summary(seeds.values(), metric)
        if measure == SECONDS:
            continue
        compared = [_compared(methods[name], reference, pairs[name], metric, level) for name in pairs]
        adjusted = holm([entry.p for entry in compared])
        for name, entry, p in zip(pairs, compared, adjusted, strict=True):
            entry = replace(entry, holm_p=p, standing=_standing(entry, p, measure, level))
            results[name][metric] = replace(results[name][metric], difference=entry)
    everywhere = sorted({seed for seeds in methods.values() for seed in seeds})
    headlines = (row["headline"] for seeds in methods.values() for row in seeds.values() if row.get("headline"))
    return Group(
        dataset=dataset,
        ratio=ratio,
        name=name_of({"dataset": dataset, "ratio": ratio}),
        headline=next(headlines, None),
        seeds=tuple(everywhere),
        arms=tuple(methods),
        results=results,
        best={measure.key: _best(methods, measure, level) for measure in measures},
        seconds={name: _times(methods[name], reference, pairs[name]) for name in pairs},
        notes=tuple(_notes(methods, baseline, [measure.key for measure in measures], everywhere)),
    )


def _value(row: Row, metric: str) -> float | None:
    value = row.get(metric)
    return None if value is None or not math.isfinite(value) else float(value)


def _summary(rows: Iterable[Row], metric: str) -> Figure:
    values = [value for row in rows if (value := _value(row, metric)) is not None]
    n = len(values)
    return Figure(
        n, float(np.mean(values)) if n else None, float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else None
    )


def _pairs(seeds: Seeds, reference: Seeds) -> list[Any]:
    """Seeds that both have, on one and the same split."""
    return [
        seed
        for seed in sorted(seeds.keys() & reference.keys())
        if seeds[seed].get("split_hash") == reference[seed].get("split_hash")
    ]


def _figures(seeds: Seeds, reference: Seeds, pairs: Sequence[Any], metric: str) -> tuple[list[Any], np.ndarray]:
    """The pairs on which both have the figure, and the figures [2, n]."""
    both = [(seed, _value(seeds[seed], metric), _value(reference[seed], metric)) for seed in pairs]
    kept = [(seed, a, b) for seed, a, b in both if a is not None and b is not None]
    return [seed for seed, _, _ in kept], np.array([[a, b] for _, a, b in kept], dtype=np.float64).reshape(-1, 2).T


def _compared(seeds: Seeds, reference: Seeds, pairs: Sequence[Any], metric: str, level: float) -> Compared:
    used, (values, others) = _figures(seeds, reference, pairs, metric)
    paired = paired_t(values, others, level)
    return Compared(**vars(paired), seeds=tuple(used), wilcoxon=signed_rank(values, others))


def _standing(entry: Compared, adjusted: float | None, measure: Quantity, level: float) -> Standing:
    if adjusted is None or entry.interval is None or entry.mean is None:
        return "untested"
    low, high = entry.interval
    if low <= 0 <= high:
        return "level"
    ahead = (entry.mean > 0) == measure.higher_is_better
    if adjusted < 1 - level:
        return "ahead" if ahead else "behind"
    return "leans_ahead" if ahead else "leans_behind"


def _best(methods: Mapping[str, Seeds], measure: Quantity, level: float) -> Best | None:
    metric, sign = measure.key, 1 if measure.higher_is_better else -1
    means = {name: _summary(seeds.values(), metric).mean for name, seeds in methods.items()}
    stated = {name: sign * mean for name, mean in means.items() if mean is not None}
    if not stated:
        return None
    top = max(stated, key=lambda name: stated[name])
    level_with = []
    for name in stated:
        if name != top:
            values, others = _figures(methods[name], methods[top], _pairs(methods[name], methods[top]), metric)[1]
            found = paired_t(values, others, level)
            low, high = found.interval or (found.mean or 0.0, found.mean or 0.0)  # without spread the difference is all
            if found.n < 2 or low <= 0 <= high:
                level_with.append(name)
    return Best(top, tuple(level_with))


def _times(seeds: Seeds, reference: Seeds, pairs: Sequence[Any]) -> Times | None:
    values, others = _figures(seeds, reference, pairs, "seconds")[1]
    if not len(values) or (values <= 0).any() or (others <= 0).any():
        return None
    ratios = values / others
    ratio = float(np.exp(np.log(ratios).mean()))
    return Times(len(ratios), ratio, float(ratios.min()), float(ratios.max()))


def _notes(methods: Mapping[str, Seeds], baseline: str, metrics: Sequence[str], everywhere: Sequence[Any]) -> list[str]:
    notes = []
    reference = methods.get(baseline, {})
    if not reference:
        notes.append(f"No training of {baseline} finished, so nothing is compared with it.")
    for name, seeds in methods.items():
        lacking = [str(seed) for seed in everywhere if seed not in seeds]
        if lacking:
            notes.append(f"{name} lacks {'seed' if len(lacking) == 1 else 'seeds'} {', '.join(lacking)}.")
        apart = sorted((seeds.keys() & reference.keys()) - set(_pairs(seeds, reference)))
        if apart:
            listed = ", ".join(map(str, apart))
            notes.append(f"{name} had other splits than {baseline} on seed {listed}: not compared there.")
        worst = [str(seed) for seed, row in seeds.items() if any(_undefined(row.get(metric)) for metric in metrics)]
        if worst:
            notes.append(f"{name} has a figure that is not finite on seed {', '.join(worst)}: left out.")
    return notes


def _undefined(value: Any) -> bool:
    return value is not None and not math.isfinite(value)


def _family(baseline: str, groups: Sequence[Group], noun: str) -> str:
    sizes = sorted({sum(name != baseline for name in group.arms) for group in groups})
    size = f"no {noun}" if not sizes or not sizes[-1] else f"the {' or '.join(map(str, sizes))} {noun}s"
    if sizes == [1]:
        size = f"the one {noun}"
    return (
        f"Holm's adjustment is over {size} compared with {baseline} on balanced accuracy within one data set; the "
        f"conclusions rest on this family. Each other metric is a family of its own, adjusted in the same way, and "
        f"data sets are not pooled. A comparison that could not be tested counts as p = 1. Wilcoxon's signed-rank "
        f"test stands beside for {WILCOXON_SEEDS} seeds or more and is not adjusted."
    )


def _ranks(groups: Sequence[Group], level: float) -> Ranks | None:
    arms = list(dict.fromkeys(name for group in groups for name in group.arms))

    def mean(group: Group, arm: str) -> float | None:
        figure = group.results.get(arm, {}).get(PRIMARY)
        return None if figure is None else figure.mean

    scores = {arm: [mean(group, arm) for group in groups] for arm in arms}
    sources = [group.dataset for group in groups]
    found = mean_ranks(scores, independent=len(set(sources)) == len(sources), level=level)
    return None if found is None else replace(found, datasets=tuple(group.name for group in groups))

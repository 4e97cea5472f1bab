"""`--slice`: how good answers are on the rows of each site, device or sex, and which differences are beyond chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.evaluation.alarms import count_alarms
from tailtune.evaluation.bootstrap import Interval, intervals
from tailtune.evaluation.levels import Levels
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.proportions import difference, wilson
from tailtune.evaluation.scored import Scored
from tailtune.profile import Indices

ENOUGH = 10  # rows of the rarest classes, and of the others, with which a slice has figures
RESAMPLED = ("balanced_accuracy", "tail_auprc", "auprc", "log_loss")  # of the areas, whichever the classes have
Share = Literal["recall", "false_alarms"]


@dataclass(frozen=True)
class Slice:
    """The rows with one value of a column; alarms are answers of the rarest classes.

    Attributes:
        label: the value, or a range of them.
        rows: how many.
        rare: rows of the rarest classes among them.
        support: rows of each class [K].
        told: whether these are enough for figures.
        metrics: recall (rows of the rarest classes with an alarm), false_alarms (share of the other rows with one),
            precision (share of the alarms at rows of the rarest classes), balanced_accuracy, log_loss, and auprc (of
            two classes) or tail_auprc; None where undefined. None at all where the rows are too few.
        intervals: their 95 % intervals: Wilson's of shares of rows, else of resampled rows.
    """

    label: str
    rows: int
    rare: int
    support: tuple[int, ...]
    told: bool
    metrics: dict[str, float | None]
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class Contrast:
    """A slice that differs from all other rows by more than chance explains.

    Attributes:
        label: of the slice.
        share: which share differs.
        here: the share in the slice.
        elsewhere: the share among all other rows.
        interval: of the former minus the latter, as wide as the number of comparisons asks for.
    """

    label: str
    share: Share
    here: float
    elsewhere: float
    interval: Interval


@dataclass(frozen=True)
class Sliced:
    """The rows by the values of a column.

    Attributes:
        column: its name.
        kind: values as they are, or ranges of numbers.
        slices: in the order of `tailtune.evaluation.levels`.
        comparisons: that were made over all columns, by which intervals of contrasts are widened (Bonferroni).
        contrasts: the slices that differ surely.
    """

    column: str
    kind: Literal["values", "ranges"]
    slices: tuple[Slice, ...]
    comparisons: int
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True)
class _Counts:
    """Alarms in some rows: (found, rows of the rarest classes) and (false, other rows)."""

    recall: tuple[int, int]
    false_alarms: tuple[int, int]

    @property
    def enough(self) -> bool:
        """Whether these are enough rows for figures."""
        return min(self.recall[1], self.false_alarms[1]) >= ENOUGH

    def without(self, other: _Counts) -> _Counts:
        """Those of the rows that are not in `other`."""
        return _Counts(_minus(self.recall, other.recall), _minus(self.false_alarms, other.false_alarms))


def sliced(
    rows: Scored, columns: dict[str, Levels], resamples: int = 1000, groups: NDArray[np.str_] | None = None
) -> tuple[Sliced, ...]:
    """Return the figures of each level of each column, and the levels that differ from all other rows.

    Compared are the share of rare rows that are found and the share of other rows with a false alarm, because neither
    moves with how frequent the rare classes are in a slice, as precision, areas and log loss do. Intervals of
    differences are Newcombe's at 1 - 0.05 / (number of comparisons). Where rows belong to groups, intervals of shares
    are those of as many rows as there are groups, as if the rows of a group were alike, and the bootstrap draws groups.

    Args:
        rows: with the answers that were given.
        columns: the levels of the rows, by column.
        resamples: of the bootstrap intervals; 0 states none.
        groups: what each row belongs to [N]; None where rows are on their own.
    """
    alone = 1.0 if groups is None else len(np.unique(groups)) / len(rows)
    whole = _counts(rows)
    every = {name: [_counts(rows.take(taken)) for taken in _taken(levels)] for name, levels in columns.items()}
    comparable = {
        name: [(k, share) for k, part in enumerate(parts) for share in _comparable(part, whole.without(part))]
        for name, parts in every.items()
    }
    # two levels that make up all rows are one comparison, from two sides
    made = {name: len(pairs) // (2 if len(every[name]) == 2 else 1) for name, pairs in comparable.items()}
    comparisons = sum(made.values())
    z = NormalDist().inv_cdf(1 - 0.025 / max(1, comparisons))
    found = []
    for name, levels in columns.items():
        contrasts = [
            contrast
            for k, share in comparable[name]
            if (contrast := _contrast(levels.labels[k], share, every[name][k], whole, z, alone)) is not None
        ]
        if len(levels.labels) == 2:  # the side that is worse off says it all
            contrasts = [each for each in contrasts if (each.here < each.elsewhere) == (each.share == "recall")]
        slices = tuple(_slices(rows, levels, resamples, groups, alone))
        found.append(Sliced(name, levels.kind, slices, comparisons, tuple(contrasts)))
    return tuple(found)


def _taken(levels: Levels) -> list[Indices]:
    return [np.flatnonzero(levels.codes == k) for k in range(len(levels.labels))]


def _slices(
    rows: Scored, levels: Levels, resamples: int, groups: NDArray[np.str_] | None, alone: float
) -> Iterator[Slice]:
    for label, taken in zip(levels.labels, _taken(levels), strict=True):
        part = rows.take(taken)
        counts, support = _counts(part), tuple(np.bincount(part.targets, minlength=len(part.support)).tolist())
        of_part = None if groups is None else groups[taken]
        metrics, ends = _figures(part, counts, resamples, of_part, alone) if counts.enough else ({}, {})
        yield Slice(label, len(part), counts.recall[1], support, counts.enough, metrics, ends)


def _figures(
    part: Scored, counts: _Counts, resamples: int, groups: NDArray[np.str_] | None, alone: float
) -> tuple[dict[str, float | None], dict[str, Interval]]:
    found = counts.recall[0]
    shares = {
        "recall": counts.recall,
        "false_alarms": counts.false_alarms,
        "precision": (found, found + counts.false_alarms[0]),
    }
    metrics: dict[str, float | None] = {key: hits / n if n else None for key, (hits, n) in shares.items()}
    ends = {key: wilson(alone * hits, alone * n) for key, (hits, n) in shares.items() if n}
    measures = [measure for measure in MEASURES if measure.key in RESAMPLED and measure.applies(part.profile)]
    metrics |= {measure.key: measure.value(part) for measure in measures}
    if resamples:
        given = (part.targets, part.probabilities, part.profile)
        ends |= intervals(*given, measures, resamples, answers=part.predicted, groups=groups)
    return metrics, ends


def _counts(rows: Scored) -> _Counts:
    counted = count_alarms(rows.confusion, rows.profile.tail)
    return _Counts((counted.found, counted.rows), (counted.false, len(rows) - counted.rows))


def _minus(whole: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    return whole[0] - part[0], whole[1] - part[1]


def _comparable(here: _Counts, elsewhere: _Counts) -> tuple[Share, ...]:
    """The shares that are compared: both, where both sides have enough rows for figures."""
    return ("recall", "false_alarms") if here.enough and elsewhere.enough else ()


def _contrast(label: str, share: Share, counts: _Counts, whole: _Counts, z: float, alone: float) -> Contrast | None:
    """How a slice differs from all other rows, or None where that may be chance."""
    here: tuple[int, int] = getattr(counts, share)
    elsewhere: tuple[int, int] = getattr(whole.without(counts), share)
    first, second = ((alone * hits, alone * n) for hits, n in (here, elsewhere))
    low, high = difference(first, second, z)
    if low <= 0 <= high:
        return None
    return Contrast(label, share, here[0] / here[1], elsewhere[0] / elsewhere[1], (low, high))

"""Alarms, answers that name one of the rarest classes: how many there are, what they find, and recall at a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Booleans, Floats, Scored
from tailtune.evaluation.weighted import GroupSums, Statistic, Weights
from tailtune.profile import Indices


@dataclass(frozen=True)
class Alarms:
    """What the answers find of the rarest classes.

    Attributes:
        rows: rows of these classes.
        alarms: rows that were given one of them.
        found: rows of these classes among the alarms.
        right: rows of these classes that were given their own.
    """

    rows: int
    alarms: int
    found: int
    right: int

    @property
    def missed(self) -> int:
        """Rows of these classes without an alarm."""
        return self.rows - self.found

    @property
    def false(self) -> int:
        """Alarms at rows of other classes."""
        return self.alarms - self.found

    @property
    def precision(self) -> float | None:
        """Share of the alarms that found such a row; None without alarms."""
        return self.found / self.alarms if self.alarms else None


def count_alarms(confusion: ArrayLike, tail: Indices) -> Alarms:
    """Count alarms in a confusion matrix.

    Args:
        confusion: counts [K, K], the truth by row.
        tail: indices of the rarest classes.

    >>> count_alarms([[80, 10], [3, 7]], np.array([1]))
    Alarms(rows=10, alarms=17, found=7, right=7)
    """
    counts = np.asarray(confusion)
    rare = counts[tail]
    return Alarms(
        rows=int(rare.sum()),
        alarms=int(counts[:, tail].sum()),
        found=int(rare[:, tail].sum()),
        right=int(rare[np.arange(len(tail)), tail].sum()),
    )


def _is_rare(scored: Scored) -> Booleans:
    return np.isin(scored.targets, scored.profile.tail)


def _resampled(scored: Scored) -> Statistic | None:
    """Found rows over all, of row weights [N, r]: down the ranking as many rows as there are alarms.

    Rows that tie are taken in equal part, which is what taking them in a random order finds on average.
    """
    tail = scored.profile.tail
    rare, alarmed = _is_rare(scored), np.flatnonzero(np.isin(scored.predicted, tail))
    if not rare.any() or not len(alarmed):
        return None
    likely: Floats = scored.probabilities[:, tail].sum(axis=1)
    distinct, level = np.unique(-likely, return_inverse=True)
    rows_of = GroupSums(np.arange(len(scored)), level, len(distinct))
    rare_of = GroupSums(np.flatnonzero(rare), level[rare], len(distinct))
    total = float(rare.sum() if scored.weights is None else scored.weights[rare].sum())

    def statistic(weights: Weights) -> Floats:
        wanted = weights[alarmed].sum(axis=0)
        rows, found = rows_of(weights), rare_of(weights)
        reached = np.cumsum(rows, axis=0, dtype=np.float64)
        last = (reached < wanted).sum(axis=0)  # the level that is taken in part
        at = last, np.arange(weights.shape[1])
        part = np.clip((wanted - (reached[at] - rows[at])) / np.where(rows[at] > 0, rows[at], 1.0), 0.0, 1.0)
        before = np.cumsum(found, axis=0, dtype=np.float64)[at] - found[at]
        return np.asarray((before + part * found[at]) / total)

    return statistic


def _value(scored: Scored) -> float | None:
    statistic = _resampled(scored)
    own = np.ones(len(scored)) if scored.weights is None else scored.weights
    return None if statistic is None else float(statistic(own[:, None].astype(np.float32))[0])


recall_at_alarms = Measure(
    key="recall_at_alarms",
    words="Rare cases found at a number of alarms",
    term="recall of the rarest classes at the number of alarms in the answers",
    meaning="Of the rows of the rarest fifth of the classes, the share among the rows that are likeliest to belong to "
    "them, of which as many are taken as the answers raise alarms. With the answers of one system and the "
    "probabilities of another it says what the other finds at the same number of alarms.",
    short="Recall",
    percent=True,
    places=(),
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

"""Categories of very many levels as numbers: how frequent a level is, and how frequent the classes are among its rows.

A training row is told about the rows of its level in the other folds only, so that a model cannot read its class from
its own number; a new row is told about all training rows. Either way p(class | rows seen, classes seen) is the same
relation, because both count the rows that they saw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import Floats, texts
from tailtune.data.splits import folds

if TYPE_CHECKING:
    import polars as pl

FOLDS = 5
MOST_CLASSES = 10  # a number each for the rarest so many
LEAST_WEIGHT = 1.0  # of the prior, in rows
CHANCE = 3.0  # standard errors by which levels have to differ more than rows do by chance

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of training rows besides their columns.

    Attributes:
        targets: class index of each row [N].
        names: of the classes [K].
        groups: of the rows [N], each of which stays in one fold; None where every row is a group.
    """

    targets: Indices
    names: tuple[str, ...]
    groups: NDArray[np.str_] | None = None

    def folds(self) -> Indices:
        """Return the fold of each row [N]."""
        if self.groups is None:
            return np.maximum(folds(self.targets, FOLDS), 0)
        group = np.unique(self.groups, return_inverse=True)[1]
        return np.random.default_rng(0).permutation(int(group.max()) + 1)[group] % FOLDS


@dataclass(frozen=True, eq=False)
class LevelStatistics:
    """Frequencies of the levels of one column in the training rows, and of the rarest classes among them.

    A level of n rows, s of them of a class whose share in all rows is p, gets log(1 + n) and the m-estimate
    (s + m p) / (n + m). The weight m of the prior is found from the rows, as the variance within levels divided by
    that between them (empirical Bayes, by the moments of a one-way analysis of variance), and is infinite where levels
    differ no more than by chance: those of a column that tells nothing all get p. A missing value is a level.

    Attributes:
        keys: a hash of the text of each level, ascending [L].
        rows: training rows of each level [L].
        sums: those of each class in question [L, S].
        prior: share of each class in question in all rows [S].
        weight: m of each class in question [S].
        classes: names of the classes in question [S]: the rarer of two, the ten rarest of more.

    Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and
    prediction problems", SIGKDD Explorations 3(1), 2001.
    """

    keys: Indices
    rows: Floats
    sums: Floats
    prior: Floats
    weight: Floats
    classes: tuple[str, ...]

    @classmethod
    def fit(cls, column: pl.Series, labels: Labels | None) -> LevelStatistics:
        """Count the levels of the training rows [N], and their classes unless `labels` is None."""
        keys, level = np.unique(_keys(column), return_inverse=True)
        rows = np.bincount(level).astype(np.float64)
        members = _members(labels, len(level))
        sums = _sums(level, members, len(keys))
        prior = members.mean(axis=0)
        weight = np.array([_weight(rows, sums[:, k], prior[k]) for k in range(len(prior))])
        chosen = [] if labels is None else _chosen(labels)
        classes = () if labels is None else tuple(labels.names[k] for k in chosen)
        return cls(keys, rows, sums, prior, weight, classes)

    def transform(self, column: pl.Series) -> Floats:
        """Return the numbers of new rows, [N, 1 + S]; those of a level without training rows are 0 and the prior."""
        keys = _keys(column)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[at] == keys
        return self._numbers(np.where(known, self.rows[at], 0), np.where(known[:, None], self.sums[at], 0))

    def out_of_fold(self, column: pl.Series, labels: Labels) -> Floats:
        """Return the numbers of the training rows, [N, 1 + S], each from the rows of the other folds."""
        level, fold = np.searchsorted(self.keys, _keys(column)), labels.folds()
        cell = level * FOLDS + fold
        cells = len(self.keys) * FOLDS
        own_rows = np.bincount(cell, minlength=cells)[cell]
        own_sums = _sums(cell, _members(labels, len(cell)), cells)[cell]
        return self._numbers(self.rows[level] - own_rows, self.sums[level] - own_sums)

    def _numbers(self, rows: Floats, sums: Floats) -> Floats:
        shares = self.prior + (sums - rows[:, None] * self.prior) / (rows[:, None] + self.weight)  # m may be infinite
        return np.concatenate([np.log1p(rows)[:, None], shares], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers are called [1 + S]."""
        return ("frequency", *self.classes)

    def state(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """JSON-ready settings and named arrays, from which `from_state` makes the same again."""
        names = ("keys", "rows", "sums", "prior", "weight")
        return {"classes": list(self.classes)}, {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> LevelStatistics:
        """Return what `state` describes."""
        return cls(**arrays, classes=tuple(settings["classes"]))


def _keys(column: pl.Series) -> Indices:
    """Return a hash of each value [N]; 64 bits, so that among a million levels two agree once in 37 million tables."""
    import polars as pl

    text = texts(column).fill_null("")
    levels = text.unique().to_list()
    digests = (hashlib.blake2b(level.encode(), digest_size=8).digest() for level in levels)
    hashes = [int.from_bytes(digest, "little", signed=True) for digest in digests]
    found: Indices = text.replace_strict(levels, hashes, return_dtype=pl.Int64).to_numpy()
    return found


def _chosen(labels: Labels) -> list[int]:
    """The classes that get a number: of those with rows, the rarest, and one fewer than there are."""
    counts = np.bincount(labels.targets, minlength=len(labels.names))
    rarest = [k for k in np.argsort(counts, kind="stable").tolist() if counts[k]]
    most = 1 if len(rarest) == 2 else MOST_CLASSES
    return sorted(rarest[:most])


def _members(labels: Labels | None, rows: int) -> Floats:
    """Return whether each row is of each class in question, as 0 and 1 [N, S]."""
    if labels is None:
        return np.zeros((rows, 0))
    members: Floats = (labels.targets[:, None] == np.array(_chosen(labels), dtype=np.int64)).astype(np.float64)
    return members


def _sums(cell: Indices, members: Floats, cells: int) -> Floats:
    columns = [np.bincount(cell, weights=member, minlength=cells) for member in members.T]
    return np.stack(columns, axis=1) if columns else np.zeros((cells, 0))


def _weight(rows: Floats, sums: Floats, prior: float) -> float:
    """Return m = variance within levels / variance between levels, 1 or more."""
    total, levels = rows.sum(), len(rows)
    if levels in (1, total):
        return np.inf
    shares = sums / rows
    within = float((rows * shares * (1 - shares)).sum() / (total - levels))
    mean_square = float((rows * (shares - prior) ** 2).sum() / (levels - 1))
    if mean_square <= within * (1 + CHANCE * np.sqrt(2 / (levels - 1))):
        return np.inf
    effective = (total - (rows**2).sum() / total) / (levels - 1)
    return max(LEAST_WEIGHT, float(within * effective / (mean_square - within)))

"""Which rows a bootstrap draws: rows within their class, or whole groups where rows belong to groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation.weighted import Weights

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

BLOCK = 2**20  # weights of a block, which stay in cache


@dataclass(frozen=True, eq=False)
class Resampling:
    """How N rows are drawn again and again.

    Rows are drawn with replacement within each class, so that no class vanishes and the class sizes stay. Where rows
    belong to groups, such as the pictures of a patient, whole groups are drawn, because rows of a group tell less than
    as many independent ones (Field and Welsh 2007, "Bootstrapping clustered data"): within strata of the groups that
    have the same rarest class, so that it does not vanish. The weights of a class are then scaled to sum to what they
    sum to in the rows, so that class sizes stay here too.

    Attributes:
        targets: class of each row [N].
        num_classes: K.
        units: which unit each row belongs to [N]: its group, or itself.
        strata: within which its unit is drawn, of each unit [U].
        base: weight of each row [N].
        resamples: how many there are.
        seed: the same seed gives the same resamples for any system on the same rows.
    """

    targets: Indices
    num_classes: int
    units: Indices
    strata: Indices
    base: Floats
    resamples: int
    seed: int

    @classmethod
    def of(
        cls,
        targets: Indices,
        num_classes: int,
        resamples: int,
        seed: int = 0,
        groups: ArrayLike | None = None,
        weights: Floats | None = None,
    ) -> Resampling:
        """Return the resampling of these rows.

        Args:
            targets: class indices [N].
            num_classes: K.
            resamples: how many, at least one.
            seed: of the draws.
            groups: what each row belongs to [N]; None where each is on its own.
            weights: of each row [N]; None for equal ones.

        Raises:
            TailtuneError: no resamples, or groups of another length.
        """
        if resamples < 1:
            raise TailtuneError(f"the bootstrap needs one resample or more, however: {resamples=}")
        base = np.ones(len(targets)) if weights is None else weights
        if groups is None:
            return cls(targets, num_classes, np.arange(len(targets)), targets, base, resamples, seed)
        named = np.asarray(groups)
        if named.shape != targets.shape:
            raise TailtuneError(f"{len(targets)} rows need {len(targets)} groups, however: shape {named.shape}")
        _, units = np.unique(named, return_inverse=True)
        rank = np.argsort(np.argsort(np.bincount(targets, minlength=num_classes), kind="stable"))  # 0 is the rarest
        strata = np.full(units.max() + 1, num_classes)
        np.minimum.at(strata, units, rank[targets])
        return cls(targets, num_classes, units, strata, base, resamples, seed)

    def blocks(self) -> Iterator[tuple[Weights, Weights]]:
        """Yield the resamples, r at a time: weights [N, r], and how often each row was drawn [N, r]."""
        rng = np.random.default_rng(self.seed)
        order = np.argsort(self.strata, kind="stable")
        support = np.bincount(self.strata)
        place = np.empty(len(order), dtype=np.int64)  # of each unit in the order of the strata
        place[order] = np.arange(len(order))
        size = np.repeat(support, support)[:, None]
        start = np.repeat(np.cumsum(support) - support, support)[:, None]
        rows = place[self.units]
        alone = len(rows) == len(place) and bool((rows == np.arange(len(rows))).all())
        width = max(1, BLOCK // len(self.targets))
        plain = len(self.strata) == len(self.targets) and bool((self.base == 1).all())
        for done in range(0, self.resamples, width):
            r = min(width, self.resamples - done)
            drawn = (rng.random((len(size), r)) * size).astype(np.int64) + start
            drawn *= r
            drawn += np.arange(r)
            times = np.bincount(drawn.ravel(), minlength=len(size) * r).reshape(len(size), r).astype(np.float32)
            times = times if alone else times[rows]
            yield (times if plain else self._scaled(times)), times

    def _scaled(self, times: Weights) -> Weights:
        """Weights [N, r] that sum within each class to what the rows' own weights do."""
        weights = times * self.base[:, None].astype(np.float32)
        for k in range(self.num_classes):
            rows = np.flatnonzero(self.targets == k)
            if not len(rows):
                continue
            own = self.base[rows]
            sums = weights[rows].sum(axis=0)
            lost = sums == 0  # no group with the class was drawn: it stays as it is, which says nothing of its spread
            weights[np.ix_(rows, np.flatnonzero(lost))] = own[:, None]
            weights[rows] *= (own.sum() / np.where(lost, own.sum() or 1.0, sums)).astype(np.float32)
        return weights

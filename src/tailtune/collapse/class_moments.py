"""Counts, means and scatter of features by class, in one pass over batches and memory that does not grow with rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassMoments:
    """What is known of the features of each class, in float64.

    Attributes:
        counts: rows [K], int64.
        means: mean features [K, D]; NaN for a class without rows.
        variances: mean squared distance to the class's mean [K], the trace of its covariance (divided by the number of
            rows, not by one less); NaN for a class without rows.
    """

    counts: Tensor
    means: Tensor
    variances: Tensor

    @property
    def present(self) -> Tensor:
        """Indices of the classes that have rows."""
        return self.counts.nonzero().flatten()


def class_moments(batches: Iterable[tuple[Tensor, Tensor]], num_classes: int) -> ClassMoments:
    """Add up batches of features [B, D] and their class indices [B].

    Means and squared distances of a batch are merged with those so far (Chan, Golub and LeVeque 1979), so that features
    far from the origin lose no digits, as they would by a sum of squares.

    Args:
        batches: one or more.
        num_classes: K.

    >>> found = class_moments([(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([0, 0, 1]))], 2)
    >>> found.means.flatten().tolist(), found.variances.tolist()
    ([1.0, 5.0], [1.0, 0.0])
    """
    counts = means = squares = torch.zeros(0, dtype=torch.float64)
    for features, targets in batches:
        rows, index = features.double(), targets.to(features.device)
        added = torch.bincount(index, minlength=num_classes).double()
        sums = rows.new_zeros(num_classes, rows.shape[1]).index_add_(0, index, rows)
        here = sums / added.clamp_min(1)[:, None]
        around = rows.new_zeros(num_classes).index_add_(0, index, (rows - here[index]).square().sum(1))
        if not len(counts):
            counts, means, squares = added, here, around
            continue
        total = counts + added
        gap = here - means
        squares = squares + around + gap.square().sum(1) * counts * added / total.clamp_min(1)
        means = means + gap * (added / total.clamp_min(1))[:, None]
        counts = total
    empty = counts == 0
    return ClassMoments(
        counts.long(),
        means.masked_fill(empty[:, None], torch.nan),
        (squares / counts.clamp_min(1)).masked_fill(empty, torch.nan),
    )

"""Sampling that goes from the data's class distribution to the balanced one while training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from tailtune.profile import Floats
from tailtune.sampling.balanced import power_shares
from tailtune.sampling.draw import arrange, rows_by_class, share_out


@dataclass(frozen=True)
class ProgressiveSampler:
    """Progressively balanced: p_k = (1 - t) n_k / N + t / K' at progress t, K' being the number of non-empty classes.

    Rows are drawn as in `tailtune.sampling.balanced.ClassSampler`.

    Source: Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", equation 2, where
    t is the share of the epochs that are over; training here gives the progress in the middle of an epoch.

    >>> [ProgressiveSampler().probabilities((90, 10), t).round(2).tolist() for t in (0.0, 0.5, 1.0)]
    [[0.9, 0.1], [0.7, 0.3], [0.5, 0.5]]
    """

    def probabilities(self, counts: Sequence[int], progress: float) -> Floats:
        """Return the class distribution [K] at `progress` in [0, 1]."""
        mixed: Floats = (1 - progress) * power_shares(counts, 1.0) + progress * power_shares(counts, 0.0)
        return mixed

    def __call__(self, targets: Tensor, rows: int, progress: float, generator: Generator) -> Tensor:
        """Draw the row indices of an epoch, int64 [rows], from the class indices `targets` [N]."""
        members = rows_by_class(targets)
        wanted = self.probabilities([len(own) for own in members], progress)
        return arrange(members, share_out(rows, wanted, generator), generator)

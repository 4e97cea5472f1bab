"""Balanced softmax: cross-entropy of a softmax in which every class weighs as many samples as it has."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss


class BalancedSoftmaxLoss(SampleLoss):
    """Cross-entropy -log p_y with p_k = n_k exp(x_k) / sum_j n_j exp(x_j).

    It equals `tailtune.losses.logit_adjusted.LogitAdjustedLoss` with tau 1. At inference the plain softmax of the
    logits is used. An empty class counts as one sample.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`; with a sampler, in the
            proportions that it draws.
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: what `SampleLoss` or `read_counts` refuse.

    Source: Ren et al. 2020, "Balanced Meta-Softmax for Long-Tailed Visual Recognition".
    """

    log_counts: Tensor

    def __init__(self, counts: Counts, reduction: Reduction = "none", ignore_index: int | None = None) -> None:
        super().__init__(reduction, ignore_index, log_counts=np.log(np.maximum(read_counts(counts), 1.0)))

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        return of_checked(logits + self.log_counts, targets)

    def extra_repr(self) -> str:
        """Show the number of classes in ``print(module)``."""
        return f"classes={len(self.log_counts)}"

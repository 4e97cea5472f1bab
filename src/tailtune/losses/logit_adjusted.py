"""Logit adjustment during training: cross-entropy of logits to which the log priors are added."""

from __future__ import annotations

import math

from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, log_priors
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss


class LogitAdjustedLoss(SampleLoss):
    """Cross-entropy of the adjusted logits, CE(x + tau log pi), with pi the class proportions.

    The model learns what the logits would be under equally frequent classes (tau 1), so that at inference they are used
    as they are. An empty class counts as one sample.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`; with a sampler, in the
            proportions that it draws.
        tau: strength; 0 is cross-entropy, 1 is balanced softmax and consistent for the balanced error.
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: a negative or infinite tau, or what `SampleLoss` or `read_counts` refuse.

    Source: Menon et al. 2021, "Long-Tail Learning via Logit Adjustment".
    """

    adjustments: Tensor

    def __init__(
        self, counts: Counts, tau: float = 1.0, reduction: Reduction = "none", ignore_index: int | None = None
    ) -> None:
        if not 0 <= tau < math.inf:
            raise TailtuneError(f"tau must be 0 or more, however: {tau=}")
        super().__init__(reduction, ignore_index, adjustments=tau * log_priors(counts))
        self.tau = tau

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        return of_checked(logits + self.adjustments, targets)

    def extra_repr(self) -> str:
        """Show the number of classes and tau in ``print(module)``."""
        return f"classes={len(self.adjustments)}, tau={self.tau}"

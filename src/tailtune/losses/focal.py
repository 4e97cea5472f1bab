"""Focal loss: cross-entropy that counts a sample for less the better it is classified."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss


class FocalLoss(SampleLoss):
    """Focal loss -(1 - p_y)^gamma log p_y with p = softmax(logits); gamma 0 is cross-entropy.

    With soft targets q it is sum_k q_k (1 - p_k)^gamma (-log p_k): linear in q, so that the loss of a mixed sample is
    the mixture of the losses towards its classes.

    Class weights do not belong inside: multiply the losses by them. (Where p is taken as the exponential of a
    *weighted* cross-entropy, the weight w turns p into p^w and the focus falls on the wrong samples.)

    Args:
        gamma: focus, 0 or more; 1 is usual for long-tailed classification, 2 is that of the source (detection).
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: a negative or infinite gamma, or what `SampleLoss` refuses.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", Equation 4 (without its alpha).

    >>> FocalLoss(gamma=2)(torch.zeros(1, 2), torch.tensor([0])).item()  # 1/4 of log 2
    0.1732867956161499
    """

    def __init__(self, gamma: float = 1.0, reduction: Reduction = "none", ignore_index: int | None = None) -> None:
        super().__init__(reduction, ignore_index)
        if not 0 <= gamma < math.inf:
            raise TailtuneError(f"gamma must be 0 or more, however: {gamma=}")
        self.gamma = gamma

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        if targets.ndim == 1:
            return self._focus(-of_checked(logits, targets))
        return (targets * self._focus(functional.log_softmax(logits, dim=1))).sum(1)

    def _focus(self, log_p: Tensor) -> Tensor:
        # 1 - p without cancellation. It is 0 for a certain sample, where the derivative of a power under 1 is infinite.
        rest = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        return rest**self.gamma * -log_p

    def extra_repr(self) -> str:
        """Show gamma in ``print(module)``."""
        return f"gamma={self.gamma}"

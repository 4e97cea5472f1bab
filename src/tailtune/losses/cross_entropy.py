"""Cross-entropy a sample, for class indices and for soft targets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.targets import check_targets, range_in_words

NO_INDEX = -(2**31)  # as torch's ignore_index, whose default of -100 drops such rows without a word


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy -sum_k q_ik log softmax(logits_i)_k of each sample i.

    Half-precision logits (as autocast makes them) are taken to float32 before the softmax.

    Args:
        logits: unnormalised scores [N, K].
        targets: class indices, int64 [N], or distributions over the classes q [N, K].

    Returns:
        Losses in nats [N]: float32, or float64 for float64 logits. Their mean divides by N.

    Raises:
        TailtuneError: logits of another shape than [N, K], a class index outside 0..K-1 (on the CPU), or what
            `tailtune.losses.targets.check_targets` refuses.

    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3])).exp().tolist()
    [4.0, 4.0]
    """
    logits = computable(logits)
    check_targets(targets, *logits.shape)
    with range_in_words(targets, logits.shape[1]):
        return of_checked(logits, targets)


def computable(logits: Tensor) -> Tensor:
    """Return the logits [N, K] in the precision that losses are computed in, float32 or float64.

    Raises:
        TailtuneError: logits of another shape.
    """
    if logits.ndim != 2:
        raise TailtuneError(f"logits must have shape [N, K], a row a sample, however: {tuple(logits.shape)}")
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def of_checked(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy [N] of `computable` logits and targets that have been checked."""
    if targets.ndim == 2:
        targets = targets.to(logits.dtype)
    return functional.cross_entropy(logits, targets, reduction="none", ignore_index=NO_INDEX)

"""What the autograd graph of the first forward pass tells the SAM family: fp16, and BatchNorm that nobody holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

NO_FP16 = (
    "SAM and SAM-A do not work with fp16: gradient scaling rescales and drops single backward passes, while a step "
    "needs two that belong together; use bf16 (torch.autocast(..., torch.bfloat16), precision='bf16-mixed') or fp32"
)

HOLD_BATCHNORM = (
    "the model has BatchNorm layers, but the optimiser was made without model=: the pass at the perturbed weights "
    "moves their running statistics as well, and evaluation will use those; pass model=, or freeze them with .eval()"
)


def computes_in_fp16(losses: Tensor) -> bool:
    """Look for float16 among the intermediate results that led to `losses`.

    Autocast ends with the forward pass and the losses are float32 again, so the autograd graph is the only place where
    it shows, whoever switched it on.
    """
    return any(result.dtype == torch.float16 for node in _nodes(losses) for result in node._input_metadata)


def moves_running_statistics(losses: Tensor) -> bool:
    """Look for a normalisation in training mode with running statistics among the operations that led to `losses`.

    A compiled network is a single operation, within which nothing shows.
    """
    return any(
        getattr(node, "_saved_training", False) and getattr(node, "_saved_running_mean", None) is not None
        for node in _nodes(losses)
    )


def _nodes(losses: Tensor) -> Iterator[Any]:
    pending = [losses.grad_fn]
    seen = set(pending)
    while pending:
        node = pending.pop()
        if node is None:
            continue
        yield node
        following = {function for function, _ in node.next_functions} - seen
        seen |= following
        pending += following

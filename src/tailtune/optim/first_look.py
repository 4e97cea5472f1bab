"""Tell whether a forward pass computed in fp16, which the two passes of the SAM family cannot use."""

from __future__ import annotations

import torch
from torch import Tensor

NO_FP16 = (
    "SAM and SAM-A do not work with fp16: gradient scaling rescales and drops single backward passes, while a step "
    "needs two that belong together; use bf16 (torch.autocast(..., torch.bfloat16), precision='bf16-mixed') or fp32"
)


def computes_in_fp16(losses: Tensor) -> bool:
    """Look for float16 among the intermediate results that led to `losses`.

    Autocast ends with the forward pass and the losses are float32 again, so the autograd graph is the only place where
    it shows, whoever switched it on.
    """
    pending = [losses.grad_fn]
    seen = set(pending)
    while pending:
        node = pending.pop()
        if node is None:
            continue
        if any(result.dtype == torch.float16 for result in node._input_metadata):
            return True
        following = {function for function, _ in node.next_functions} - seen
        seen |= following
        pending += following
    return False

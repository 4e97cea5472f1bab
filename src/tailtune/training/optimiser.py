"""The base optimiser of a run and its gradient clipping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tailtune.run import Run


def base_optimiser(model: torch.nn.Module, run: Run) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW over the trainable parameters; biases and normalisation get no weight decay."""
    assert run.lr is not None
    trained = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": run.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if run.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=run.lr, betas=(run.momentum, 0.999), foreach=True)
    return torch.optim.SGD(groups, lr=run.lr, momentum=run.momentum, foreach=True)


def clipping(model: torch.nn.Module, norm: float | None) -> Callable[[], object] | None:
    """Return a function that scales the gradients of `model` down to length `norm`, or None for no clipping."""
    if norm is None:
        return None
    parameters = [p for p in model.parameters() if p.requires_grad]
    return lambda: torch.nn.utils.clip_grad_norm_(parameters, norm, foreach=True)

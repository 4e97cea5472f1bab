"""The base optimiser of a run and its gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch

from tailtune.methods.method import MakeOptimiser
from tailtune.settings import ResolvedTraining


def base_optimiser(
    named_parameters: Iterable[tuple[str, torch.nn.Parameter]],
    run: ResolvedTraining,
    spared: Collection[str],
    *,
    make: MakeOptimiser | None = None,
    factors: Mapping[str, float] | None = None,
    rows: int = 0,
) -> torch.optim.Optimizer:
    """Make SGD with momentum, AdamW or what `make` makes, over the parameters that need a gradient.

    Args:
        named_parameters: the parameters and their names; those that need no gradient are left out.
        run: optimiser, learning rate, momentum and weight decay.
        spared: names of the parameters without weight decay, see `tailtune.training.decay.undecayed`.
        make: makes another optimiser of the parameter groups.
        factors: of the learning rate, by the beginning of a parameter's name (the first that fits; 1 else).
        rows: of the training set, for `make`.
    """
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            fits = (factor for prefix, factor in (factors or {}).items() if name.startswith(prefix))
            groups.setdefault((next(fits, 1.0), name not in spared), []).append(parameter)
    options: list[dict[str, Any]] = [
        {"params": parameters, "lr": run.lr * factor, "weight_decay": run.weight_decay if decays else 0.0}
        for (factor, decays), parameters in sorted(groups.items(), key=lambda entry: entry[0], reverse=True)
    ]
    if make is not None:
        return make(options, run, rows)
    how = _implementation([parameter for parameters in groups.values() for parameter in parameters])
    if run.optimizer == "adamw":
        return torch.optim.AdamW(options, lr=run.lr, betas=(run.momentum, 0.999), **how)
    return torch.optim.SGD(options, lr=run.lr, momentum=run.momentum, **how)


def _implementation(parameters: Iterable[torch.nn.Parameter]) -> dict[str, bool]:
    """One kernel for the whole step on a GPU, where launches cost; a few calls for all tensors elsewhere."""
    return {"fused" if all(parameter.is_cuda for parameter in parameters) else "foreach": True}


def clipping(model: torch.nn.Module, norm: float | None) -> Callable[[], object] | None:
    """Return a function that scales the gradients of `model` down to length `norm`, or None for no clipping."""
    if norm is None:
        return None
    parameters = [p for p in model.parameters() if p.requires_grad]
    return lambda: torch.nn.utils.clip_grad_norm_(parameters, norm, foreach=True)

"""Sharpness: by how much a loss rises at the end of the step that SAM, or SAM-A, takes uphill.

Source: Foret, Kleiner, Mobahi and Neyshabur 2021; of SAM-A, "Simplifying Neural Network Training Under Class
Imbalance", Equation 5, in the reading of `tailtune.optim.sama` (mean radius).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from tailtune.analysis.class_losses import moved
from tailtune.analysis.loss_matrices import Batch, Loss, in_use
from tailtune.errors import TailtuneError


def ascent(model: nn.Module, batches: Iterable[Batch], loss: Loss, rho: float) -> tuple[Tensor, ...]:
    """Return the step rho g / ||g|| up the gradient g of the mean loss, a tensor for each parameter.

    g is taken over all rows at once, in evaluation mode. It is 0 where the gradient is.

    Args:
        model: any network that gives logits.
        batches: its rows.
        loss: of each row; for SAM-A each row's loss times the radius of its class (its scale does not matter here).
        rho: length of the step; for SAM-A the mean radius of the rows.

    Raises:
        TailtuneError: `rho` is not a number above 0.
    """
    if not 0 < rho < float("inf"):
        raise TailtuneError(f"the radius of sharpness must be a number above 0, however: {rho=}")
    parameters = list(model.parameters())
    total = [torch.zeros_like(parameter) for parameter in parameters]
    with in_use(model):
        for inputs, targets in batches:
            share = loss(model(*inputs), targets).sum()
            found = torch.autograd.grad(share, parameters, materialize_grads=True, allow_unused=True)
            for sum_, each in zip(total, found, strict=True):
                sum_ += each
    length = torch.stack([part.double().square().sum() for part in total]).sum().sqrt()
    factor = rho / length if length > 0 else torch.zeros_like(length)
    return tuple(part * factor.to(part) for part in total)


def rise(model: nn.Module, measure: Callable[[], Tensor], step: Iterable[Tensor]) -> Tensor:
    """Return by how much what `measure` finds is larger with the weights moved by `step` than at the weights."""
    before = measure()
    with moved(model, step):
        return measure() - before

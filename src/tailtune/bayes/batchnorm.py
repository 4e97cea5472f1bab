"""BatchNorm statistics of weights that no training step has run with, such as an average."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def recompute_batchnorm(
    model: nn.Module, batches: Iterable[tuple[Tensor, ...]], among: Collection[nn.Module] | None = None
) -> None:
    """Replace the running mean and variance of the BatchNorm layers by the averages over `batches`.

    Averaged weights give other activations than the weights did whose statistics the layers hold. Each batch counts the
    same (a cumulative average), so batches should be of equal size and in random order. All other layers are in
    evaluation mode: dropout would change the variances, and at prediction it is off.

    Args:
        model: the network, changed in place; its modes and the layers' momentum are as before afterwards.
        batches: inputs of the model, one tuple a batch; not read at all if there is no BatchNorm.
        among: the layers to change; all when None. The others normalise by what they hold.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    layers = layers if among is None else [layer for layer in layers if layer in among]
    if not layers:
        return
    modes = {module: module.training for module in model.modules()}
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
        layer.train()
    try:
        for inputs in batches:
            model(*inputs)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode

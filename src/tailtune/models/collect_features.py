"""Features of all rows, which classifiers that need no training are made from."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tailtune.models.network import Network


@torch.no_grad()
def collect_features(model: Network, batches: Iterable[tuple[Tensor, ...]]) -> Tensor:
    """Return the features [N, D] of `batches` of inputs, one after the other, with `model` in its present mode.

    >>> from tailtune.models.cifar_resnet import CifarResNet
    >>> collect_features(CifarResNet(8, 1, 3).eval(), [(torch.rand(5, 1, 8, 8),), (torch.rand(2, 1, 8, 8),)]).shape
    torch.Size([7, 64])
    """
    return torch.cat([model.features(*inputs) for inputs in batches])

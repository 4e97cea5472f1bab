"""`Network`: the shape that every classifier of tailtune has, features followed by a head."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Network(nn.Module, ABC):
    """A classifier that is split where imbalance methods cut it: ``logits = head(features(x))``.

    Retraining the classifier, rescaling its weights (tau-norm), neural collapse and last-layer Laplace all need the
    features and the last layer apart.

    Attributes:
        feature_dim: width D of the features.
        head: the classifier, features [N, D] -> logits [N, K]; its weight has shape [K, D].
    """

    feature_dim: int
    head: nn.Module

    @abstractmethod
    def features(self, *inputs: Tensor) -> Tensor:
        """Return the features [N, D] of one batch of inputs."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the logits [N, K] of one batch of inputs."""
        logits: Tensor = self.head(self.features(*inputs))
        return logits


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the parameters of `model` hold, frozen ones included, buffers left out.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def initialise_convolutions(model: nn.Module) -> None:
    """Draw convolution weights from N(0, 2 / fan_out) and set batch normalisation to the identity (He et al. 2015)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

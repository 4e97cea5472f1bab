"""The network as the loop calls it: logits, and the self-supervised term where a stage has one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tailtune.methods.method import Stage
from tailtune.models.network import Network
from tailtune.training.inputs import Tensors


class WithAuxiliary(nn.Module):
    """A network and a projector in one forward pass, as data parallelism needs it.

    BatchNorm's running statistics follow the inputs that evaluation resembles: the ordinarily augmented ones where
    there are any, else the views. Every pass normalises by its own batch.

    Args:
        model: the classifier.
        auxiliary: maps the features ([B, D], [B, D]) of two views to a scalar.
        supervised: whether logits are wanted.
    """

    def __init__(self, model: Network, auxiliary: nn.Module, supervised: bool) -> None:
        super().__init__()
        self.model, self.auxiliary, self.supervised = model, auxiliary, supervised

    def forward(self, inputs: Tensors | None, a: Tensors, b: Tensors) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Return the logits [B, K] of `inputs`, or else of the view `a`, and the term of the views `a` and `b`."""
        both = tuple(torch.cat(pair) for pair in zip(a, b, strict=True))
        with nullcontext() if inputs is None else holding_statistics(self.model):
            features = self.model.features(*both)
        first, second = features.chunk(2)
        term: torch.Tensor = self.auxiliary(first, second)
        if not self.supervised:
            return None, term
        logits: torch.Tensor = self.model.head(first) if inputs is None else self.model(*inputs)
        return logits, term


@contextmanager
def holding_statistics(model: nn.Module) -> Iterator[None]:
    """Let BatchNorm layers in training normalise by the batch without following it."""
    following = [layer for layer in model.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    for layer in following:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in following:
            layer.track_running_stats = True


def training_mode(model: nn.Module, stage: Stage) -> None:
    """Put the parts of `model` that `stage` trains in training mode, and the others in evaluation mode."""
    model.train(stage.trainable is None)
    if stage.trainable is not None:
        for name, module in model.named_modules():
            own = (f"{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False))
            if f"{name}.".startswith(stage.trainable) or any(entry.startswith(stage.trainable) for entry in own):
                module.training = True
    if stage.batchnorm is not None:
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.train(stage.batchnorm == "shift")


def following(model: nn.Module, stage: Stage) -> Sequence[nn.Module]:
    """Return the BatchNorm layers of `model` whose running statistics follow the batches of `stage`."""
    modes = {module: module.training for module in model.modules()}
    training_mode(model, stage)
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    for module, mode in modes.items():
        module.training = mode
    return layers


@contextmanager
def freezing(model: nn.Module, stage: Stage) -> Iterator[None]:
    """Freeze the parameters of `model` that `stage` does not train, for the length of a ``with`` block."""
    unlabelled = stage.auxiliary is not None and not stage.auxiliary.supervised
    frozen = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and (
            (stage.trainable is not None and not name.startswith(stage.trainable))
            or (unlabelled and name.startswith("head."))
        )
    ]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)

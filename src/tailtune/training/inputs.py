"""Rows that live on the training device: indexing, augmentation and normalisation happen there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Part

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Inputs:
    """One part of a data set on a device.

    Attributes:
        tensors: model inputs that share their first dimension N; images as uint8 [N, C, H, W].
        targets: class indices [N].
        weights: weight of each row [N], or None.
        augment: turns image batches into normalised floats (and mixes targets); None for tables.
        num_classes: K.
    """

    tensors: Tensors
    targets: torch.Tensor
    weights: torch.Tensor | None
    augment: Augment | None
    num_classes: int

    @classmethod
    def of(cls, part: Part, num_classes: int, augment: Augment | None, device: torch.device) -> Inputs:
        """Copy `part` to `device`."""
        weights = None if part.weights is None else part.weights.to(device)
        tensors = tuple(tensor.to(device) for tensor in part.inputs)
        return cls(tensors, part.targets.to(device), weights, augment, num_classes)

    def batch(self, index: torch.Tensor, generator: torch.Generator) -> tuple[Tensors, torch.Tensor]:
        """Return the inputs and targets ([B], or [B, K] when mixed) of the rows `index` [B]."""
        # index_select copies rows whole, where indexing copies uint8 images element by element
        tensors, targets = tuple(tensor.index_select(0, index) for tensor in self.tensors), self.targets[index]
        if self.augment is None:
            return tensors, targets
        pixels, targets = self.augment(tensors[0], targets, self.num_classes, generator)
        return (pixels.contiguous(memory_format=torch.channels_last),), targets


def evaluation_batches(
    tensors: Tensors, normalise: Augment | None, device: torch.device, size: int
) -> Iterator[Tensors]:
    """Yield `tensors` in order, `size` rows at a time, on `device`; images normalised and otherwise untouched."""
    for start in range(0, len(tensors[0]), size):
        batch = tuple(tensor[start : start + size].to(device) for tensor in tensors)
        if normalise is None:
            yield batch
        else:
            yield (normalise.normalise(batch[0]).contiguous(memory_format=torch.channels_last),)

"""The rows of a part on the training device; images stay uint8 there until augmentation and normalisation.

Pictures in a file, and pictures that would fill the device, stay where they are and are read ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Part
from tailtune.data.sources import Source, Sources
from tailtune.training.read_ahead import HostPictures, ReadAhead, plain_words, stays_on_host, stream

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Inputs:
    """One part of a data set on a device.

    Attributes:
        sources: model inputs that share their first dimension N; images as uint8 [N, C, H, W], or where to read them.
        targets: class indices [N].
        weights: weight of each row [N], or None.
        augment: turns image batches into normalised floats (and mixes targets); None for tables.
        num_classes: K.
        reader: reads the batches of training ahead; None where all is on the device.
    """

    sources: Sources
    targets: torch.Tensor
    weights: torch.Tensor | None
    augment: Augment | None
    num_classes: int
    reader: ReadAhead | None = None

    @classmethod
    def of(cls, part: Part, num_classes: int, augment: Augment | None, device: torch.device) -> Inputs:
        """Copy `part` to `device`, but for pictures in a file and those that would take over half of its memory."""
        weights = None if part.weights is None else part.weights.to(device)
        sources = tuple(_placed(x, device, images=augment is not None) for x in part.inputs)
        reader = None if isinstance(sources[0], torch.Tensor) else ReadAhead(sources[0], device)
        return cls(sources, part.targets.to(device), weights, augment, num_classes, reader)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Allow `read_ahead` for the length of a ``with`` block, which ends the processes that it starts.

        Raises:
            TailtuneError: one of them has died.
        """
        try:
            with plain_words():
                yield
        finally:
            if self.reader is not None:
                self.reader.close()

    def read_ahead(self, batches: Sequence[torch.Tensor]) -> None:
        """Announce the `batches`, positions [B] each, that `take` will be asked for in this order."""
        if self.reader is not None:
            self.reader.begin(batches)

    def take(self, index: torch.Tensor) -> tuple[Tensors, torch.Tensor]:
        """Return the inputs, images still uint8, and the class indices of the rows `index` [B]."""
        targets = self.targets[index]
        if self.reader is not None:
            return (self.reader.take(index),), targets
        # index_select copies rows whole, where indexing copies uint8 images element by element
        return tuple(tensor.index_select(0, index) for tensor in _tensors(self.sources)), targets

    def batches(self, size: int) -> Iterator[Tensors]:
        """Yield the model's inputs in order, `size` rows at a time; images normalised and otherwise untouched."""
        return evaluation_batches(self.sources, self.augment, self.targets.device, size)

    def stored(self, batches: Sequence[torch.Tensor]) -> Iterator[Tensors]:
        """Yield the inputs at each of `batches` (positions [B]), images still uint8; none was announced."""
        device = self.targets.device
        if self.reader is not None:
            return ((x,) for x in stream(self.reader.pictures, batches, device))
        return (self.take(index.to(device))[0] for index in batches)


def _placed(x: Source, device: torch.device, images: bool) -> Source:
    if not isinstance(x, torch.Tensor):
        return x
    if images and device.type == "cuda" and stays_on_host(x.nbytes, torch.cuda.mem_get_info(device)[0]):
        return HostPictures(x)
    return x.to(device)


def _tensors(sources: Sources) -> Tensors:
    return cast("Tensors", sources)  # only pictures are read ahead, and they are the only input where they are


def channels_last(pixels: torch.Tensor) -> Tensors:
    """Return images as a network takes them."""
    return (pixels.contiguous(memory_format=torch.channels_last),)


def evaluation_batches(
    sources: Sources, normalise: Augment | None, device: torch.device, size: int
) -> Iterator[Tensors]:
    """Yield `sources` in order, `size` rows at a time, on `device`; images normalised and otherwise untouched."""
    return _ready(_in_order(sources, device, size), normalise)


def _in_order(sources: Sources, device: torch.device, size: int) -> Iterator[Tensors]:
    first = sources[0]
    if isinstance(first, torch.Tensor):
        for start in range(0, len(first), size):
            yield tuple(tensor[start : start + size].to(device) for tensor in _tensors(sources))
    elif first.shape[0]:
        for pixels in stream(first, torch.split(torch.arange(first.shape[0]), size), device):
            yield (pixels,)


def _ready(batches: Iterator[Tensors], normalise: Augment | None) -> Iterator[Tensors]:
    for batch in batches:
        yield batch if normalise is None else channels_last(normalise.normalise(batch[0]))

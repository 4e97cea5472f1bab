"""What a step trains on: rows, augmented, with synthesised and mixed samples, and views for self-supervision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from tailtune.augment.policies import Augment
from tailtune.augment.views import image_view, table_view
from tailtune.methods.method import Stage
from tailtune.training.inputs import Inputs, Tensors, channels_last


@dataclass(frozen=True)
class Batch:
    """The input of one step.

    Attributes:
        inputs: of the supervised loss, or None where it reads the first view.
        targets: class indices [B], or mixed rows [B, K].
        views: two views of the same rows for a self-supervised term, or None.
    """

    inputs: Tensors | None
    targets: torch.Tensor
    views: tuple[Tensors, Tensors] | None = None


@dataclass(frozen=True)
class Batches:
    """Makes the batches of one stage.

    The order is: augmentation, then synthesis (which needs class indices), then mixing. A stage that mixes by itself
    or synthesises takes the place of the mixing of the augmentation policy.

    Attributes:
        rows: the training rows.
        stage: what to do with them.
        augment: the policy for images, or None for tables.
        model: the network in training, which synthesis may look at.
        reference: the final network of an earlier stage, or None.
        flip: whether a view of an image may be mirrored.
    """

    rows: Inputs
    stage: Stage
    augment: Augment | None
    model: torch.nn.Module
    reference: torch.nn.Module | None
    flip: bool

    def draw(self, index: torch.Tensor, progress: float, generator: torch.Generator, epoch: int = 0) -> Batch:
        """Make a batch of the rows `index` [B] in the stage's `epoch`, at `progress` in [0, 1) of the stage."""
        stage = self.stage
        inputs, targets = self.rows.take(index)
        views = None
        if stage.auxiliary is not None:
            views = self._view(inputs, generator), self._view(inputs, generator)
            if self._views_alone:
                return Batch(None, targets, views)
        if self.augment is not None:
            augment = self.augment.without_mixing if stage.mix or stage.synthesise else self.augment
            pixels, targets = augment(inputs[0], targets, self.rows.num_classes, generator, index, epoch)
            inputs = channels_last(pixels)
        if stage.synthesise is not None:
            inputs, targets = stage.synthesise(inputs, targets, self.model, self.reference, progress, generator)
        if stage.mix is not None:
            one_hot = torch.nn.functional.one_hot(targets, self.rows.num_classes).to(torch.float32)
            pixels, targets = stage.mix(inputs[0], one_hot, generator)
            inputs = channels_last(pixels)
        return Batch(inputs, targets, views)

    def ordinary(self, batches: Sequence[torch.Tensor], generator: torch.Generator) -> Iterator[Tensors]:
        """Yield inputs of the network at each of `batches`, positions [B]: augmented, not synthesised and not mixed.

        A stage whose network sees nothing but views gets views.
        """
        for index, inputs in zip(batches, self.rows.stored(batches), strict=True):
            if self._views_alone:
                yield self._view(inputs, generator)
            elif self.augment is None:
                yield inputs
            else:
                augment, k = self.augment.without_mixing, self.rows.num_classes
                yield channels_last(augment(inputs[0], self.rows.targets[index], k, generator, index, 0)[0])

    @property
    def _views_alone(self) -> bool:
        auxiliary = self.stage.auxiliary
        return auxiliary is not None and (auxiliary.sees == "first" or not auxiliary.supervised)

    def _view(self, inputs: Tensors, generator: torch.Generator) -> Tensors:
        if self.augment is None:
            numeric, categorical = inputs
            pool = cast("tuple[torch.Tensor, torch.Tensor]", self.rows.sources)
            return table_view((numeric, categorical), pool, generator)
        return channels_last(self.augment.normalise(image_view(inputs[0], generator, flip=self.flip)))


def order(targets: torch.Tensor, rows: int, stage: Stage, progress: float, generator: torch.Generator) -> torch.Tensor:
    """The `rows` positions of an epoch over all processes; as many as the training set has, even if it was enlarged."""
    if stage.sampler is not None:
        return stage.sampler(targets, rows, progress, generator)
    return torch.randperm(len(targets), generator=generator)[:rows]

"""A sample of training rows that stands for all of them, and the mean loss of each class on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tailtune.analysis.loss_matrices import Batch, cross_entropy
from tailtune.training.probabilities import batch_of, evaluating

if TYPE_CHECKING:
    from tailtune.analysis.subject import Subject

BATCH, SHARE = 64, 4  # rows at most; twice differentiated networks hold several times the maps of a forward pass
WHOLE, RARE, OTHERS = "all training rows", "rarest classes", "other classes"


@dataclass(frozen=True)
class Sample:
    """Rows of some classes, which count so that their mean loss estimates that of all training rows of these classes.

    Attributes:
        name: of the classes, in words.
        batches: inputs of the network and class indices.
        weights: of a row of each class [K]; over the rows they sum to the number of rows.
    """

    name: str
    batches: tuple[Batch, ...]
    weights: Tensor

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(len(targets) for _, targets in self.batches)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted losses [B]; their mean over the sample is the loss."""
        return cross_entropy(logits, targets) * self.weights.to(logits)[targets]

    def of_classes(self, classes: Sequence[int], name: str) -> Sample:
        """Return the rows of these classes alone; one without rows has no batches."""
        chosen = torch.zeros(len(self.weights), dtype=torch.bool)
        chosen[list(classes)] = True
        masks = (chosen.to(y.device)[y] for _, y in self.batches)
        batches = tuple(
            (tuple(x[mask] for x in inputs), y[mask])
            for (inputs, y), mask in zip(self.batches, masks, strict=True)
            if mask.any()
        )
        weights = self.weights * chosen
        mass = sum(float(weights[y.cpu()].sum()) for _, y in batches)
        rows = sum(len(y) for _, y in batches)
        return replace(self, name=name, batches=batches, weights=weights * (rows / mass) if rows else weights)


def training_sample(subject: Subject, rows: int, seed: int = 0) -> Sample:
    """Draw about `rows` training rows, as many of each class where it has them, and weight them to all training rows.

    Rare classes would otherwise be a handful of rows. All training rows are taken where there are no more than `rows`.

    Args:
        subject: network and rows.
        rows: at least one of each class is taken.
        seed: of the draw.
    """
    part, k = subject.parts["train"], subject.profile.num_classes
    targets = part.targets.numpy()
    quota = len(targets) if len(targets) <= rows else max(1, rows // k)
    random = np.random.default_rng(seed)
    drawn = [random.permutation(np.flatnonzero(targets == c))[:quota] for c in range(k)]
    index = np.sort(np.concatenate(drawn)).astype(np.int64)
    counts = np.bincount(targets, minlength=k)
    taken = np.array([len(each) for each in drawn])
    weights = (counts / counts.sum()) * len(index) / np.maximum(taken, 1)
    size = min(BATCH, max(1, batch_of(part.inputs) // SHARE))
    return Sample(WHOLE, tuple(subject.batches_of(part.take(index), size)), torch.from_numpy(weights))


def groups(sample: Sample, rarest: Sequence[int]) -> tuple[Sample, ...]:
    """Return the sample whole, its rows of the `rarest` classes, and those of the others."""
    others = [c for c in range(len(sample.weights)) if c not in set(rarest)]
    return sample, sample.of_classes(rarest, RARE), sample.of_classes(others, OTHERS)


def class_losses(model: nn.Module, batches: Iterable[Batch], num_classes: int) -> Tensor:
    """Return the mean loss of the rows of each class [K] in float64, in evaluation mode; NaN for one without rows."""
    sums = torch.zeros(num_classes, dtype=torch.float64)
    counts = torch.zeros(num_classes, dtype=torch.int64)
    with evaluating(model):
        for inputs, targets in batches:
            losses = cross_entropy(model(*inputs).double(), targets).cpu()
            sums.index_add_(0, targets.cpu(), losses)
            counts += torch.bincount(targets.cpu(), minlength=num_classes)
    return sums / counts  # 0 / 0 is NaN


@contextmanager
def moved(model: nn.Module, by: Iterable[Tensor]) -> Iterator[None]:
    """Add a tensor to each parameter for the length of a ``with`` block; the weights are put back from a copy."""
    parameters = list(model.parameters())
    kept = [parameter.detach().clone() for parameter in parameters]
    try:
        with torch.no_grad():
            for parameter, step in zip(parameters, by, strict=True):
                parameter.add_(step)
        yield
    finally:
        with torch.no_grad():
            for parameter, copy in zip(parameters, kept, strict=True):
                parameter.copy_(copy)

"""Training rows as the averaging methods read them: with targets, or in random batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Rows(Protocol):
    """Rows that are read in any order, not augmented."""

    @property
    def targets(self) -> Tensor:
        """Class indices [N]."""
        ...

    def batches(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the model's inputs in order, `size` rows at a time."""
        ...

    def chosen(self, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, ...]]:
        """Yield the model's inputs at each of `batches`, positions [B] on the CPU."""
        ...


@dataclass(frozen=True)
class Labelled:
    """`rows` in order as batches ``(*inputs, targets)``, the form that a DataLoader has; can be iterated repeatedly."""

    rows: Rows
    size: int = 512

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for inputs, targets in zip(
            self.rows.batches(self.size), torch.split(self.rows.targets, self.size), strict=True
        ):
            yield (*inputs, targets)


def shuffled(rows: Rows, size: int, seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield all rows once in random order, in batches of nearly equal size.

    The rows of a training set often lie class by class; statistics over such batches would not be those of the data.

    Args:
        rows: what to read.
        size: largest size of a batch.
        seed: of the order.
    """
    count = len(rows.targets)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return rows.chosen(order.tensor_split(-(-count // size)))

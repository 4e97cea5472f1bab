"""Training rows as the averaging methods read them: in order, with targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Rows(Protocol):
    """Rows that are read in order, not augmented."""

    @property
    def targets(self) -> Tensor:
        """Class indices [N]."""
        ...

    def batches(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the model's inputs in order, `size` rows at a time."""
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

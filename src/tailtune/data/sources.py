"""Where encoded inputs lie: in tensors, or where they are read when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class Readable(Protocol):
    """Pictures of one size that are read when they are needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        ...

    def read(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the pictures at `rows` [B] as uint8 [B, C, H, W]; an error is a TailtuneError."""
        ...


Source: TypeAlias = "torch.Tensor | Readable"
Sources: TypeAlias = "tuple[Source, ...]"

"""What analyses look into, of a linear network on made-up rows, without a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from tailtune.analysis.subject import Subject
from tailtune.data.dataset import Part
from tailtune.profile import ClassProfile


def subject(counts: tuple[int, ...], features: int = 3) -> Subject:
    """Rows [N, D] of numbers, a linear network, and nothing of a run."""
    torch.manual_seed(0)
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = torch.randn(len(targets), features)
    part = Part((x, torch.zeros(len(x), 0, dtype=torch.int64)), targets, np.arange(len(x)).astype(str))

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(features, len(counts))

        def forward(self, numeric: Tensor, _: Tensor) -> Tensor:
            found: Tensor = self.head(numeric)
            return found

    nothing = cast(Any, SimpleNamespace())
    return Subject(nothing, cast(Any, Rows()), nothing, ClassProfile(counts), {"train": part}, None)

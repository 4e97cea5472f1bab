"""The training step that several benchmarks time: forward, backward and a step of SGD on the same rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


def plain_step(model: nn.Module, batch: int, side: int, half: bool) -> Callable[[], None]:
    """Return what does a step of a network of ten classes on made-up pictures [batch, 3, side, side]."""
    model.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    targets = torch.arange(batch) % 10

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = F.cross_entropy(model(x).float(), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step

"""A network compiled by torch.compile, or as it is where that does not work."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Compiled:
    """Calls `network` compiled, on a GPU as CUDA graphs, and from a failure to compile on as it is.

    Only the network is compiled, for batches of one shape: learning rates, losses and optimisers stay outside, so that
    no schedule makes it compile again. Where BatchNorm holds its statistics, as in the second pass of SAM, it is a
    second graph.

    Args:
        network: any module; its parameters stay its own.
        device: where it is.

    Attributes:
        failure: why it could not be compiled, in one line; None as long as it could.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.failure: str | None = None
        self._network = network
        self._graphs = device.type == "cuda"
        self._compiled: Any = torch.compile(network, dynamic=False, mode="reduce-overhead" if self._graphs else None)

    def begin_step(self) -> None:
        """Say that what earlier calls returned is no longer needed: its memory is taken for the next ones."""
        if self._graphs and self.failure is None:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]

    def __call__(self, *inputs: Any) -> Any:
        """Return what the network makes of `inputs`."""
        from torch._dynamo.exc import TorchDynamoException  # loads the compiler

        if self.failure is None:
            try:
                return self._compiled(*inputs)
            except TorchDynamoException as error:
                self.failure = " ".join(str(error).split("\n\n", 1)[0].split())
        return self._network(*inputs)

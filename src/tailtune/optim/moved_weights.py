"""Weights that are moved to where an ascent leads, and put back from a saved copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from tailtune.optim.gradients import own_shards
from tailtune.optim.held_gradients import HeldGradients


class MovedWeights:
    """The weights of `base` that have a gradient, and the BatchNorm layers that are held while they are moved.

    Args:
        base: an optimiser whose groups have a ``"rho"`` each.
        gradients: that its parameters hold.
        batchnorms: layers whose running statistics are left alone at the moved weights.
    """

    def __init__(self, base: torch.optim.Optimizer, gradients: HeldGradients, batchnorms: Sequence[_BatchNorm]) -> None:
        self._base, self._gradients, self._batchnorms = base, gradients, batchnorms
        self._saved: list[Tensor] = []
        self._saved_of: list[tuple[int, torch.dtype, torch.device]] = []

    @contextmanager
    def away(self) -> Iterator[Callable[[], None]]:
        """Hold BatchNorm's statistics, and put the weights back at the end; give what puts them back in between."""
        tracking = [layer for layer in self._batchnorms if layer.track_running_stats]
        parameters = self._save()

        def put_back() -> None:
            with torch.no_grad():
                torch._foreach_copy_(own_shards(parameters), self._saved)
            torch.clear_autocast_cache()

        try:
            for layer in tracking:  # a layer in training mode that does not track still uses the batch's statistics
                layer.track_running_stats = False
            yield put_back
        finally:  # also when interrupted, so that a checkpoint written then has the true weights
            for layer in tracking:
                layer.track_running_stats = True
            put_back()

    @torch.no_grad()
    def move(self, factor: Tensor, *, adaptive: bool) -> None:
        """Add rho times factor times the gradient, of which nothing is left; times the squared weight if `adaptive`."""
        for group in self._base.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if moved and group["rho"]:
                parameters, step = own_shards(moved), own_shards([p.grad for p in moved])
                torch._foreach_mul_(step, factor * group["rho"])
                if adaptive:
                    torch._foreach_mul_(step, parameters)
                    torch._foreach_mul_(step, parameters)
                torch._foreach_add_(parameters, step)
        torch.clear_autocast_cache()  # or an autocast around the whole step would reuse its casts of the old weights

    @torch.no_grad()
    def _save(self) -> list[torch.nn.Parameter]:
        """Copy the parameters that have a gradient into buffers that are kept from step to step."""
        parameters = self._gradients.parameters()
        own = own_shards(parameters)
        identity = [(id(p), shard.dtype, shard.device) for p, shard in zip(parameters, own, strict=True)]
        if identity != self._saved_of:
            self._saved, self._saved_of = [torch.empty_like(shard) for shard in own], identity
        torch._foreach_copy_(self._saved, own)
        return parameters

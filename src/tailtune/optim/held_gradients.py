"""The gradients that the parameters of an optimiser hold while it steps: looked at, taken, put back and scaled."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.optim.gradients import mean_over_ranks, own_shards, several_processes

Gradients = dict[nn.Parameter, Tensor]


class HeldGradients:
    """The gradients of the parameters of `base`, whose groups may change from step to step."""

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self._base = base

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that have a gradient."""
        return [p for group in self._base.param_groups for p in group["params"] if p.grad is not None]

    def all(self) -> list[Tensor]:
        """Return the gradients.

        Raises:
            TailtuneError: there are none.
        """
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if not gradients:
            raise TailtuneError("no parameter of the optimiser got a gradient: do the losses depend on them?")
        return gradients

    def clear(self) -> None:
        """Leave no parameter a gradient."""
        for group in self._base.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def take(self) -> Gradients:
        """Take the gradients away from the parameters that have one.

        Raises:
            TailtuneError: none has.
        """
        taken = dict(zip(self.parameters(), self.all(), strict=True))
        self.clear()
        return taken

    def put(self, gradients: Gradients) -> None:
        """Make `gradients` all that the parameters have."""
        self.clear()
        for parameter, gradient in gradients.items():
            parameter.grad = gradient

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply the gradients, by the mean of the factors of all processes that train together."""
        if factor == 1:
            return
        gradients = own_shards(self.all())
        if several_processes():  # the same on every rank, or their weights would part
            on_device = torch.tensor(factor, device=gradients[0].device)
            mean_over_ranks([on_device])
            torch._foreach_mul_(gradients, on_device)
        else:
            torch._foreach_mul_(gradients, factor)

    def refuse_foreign(self, name: str) -> None:
        """Refuse gradients other than zero as a step of the optimiser called `name` begins, and clear those.

        Raises:
            TailtuneError: there are some.
        """
        parameters = self.parameters()
        if not parameters:
            return
        if bool(torch.stack([g.detach().abs().max() for g in own_shards(self.all()) if g.numel()]).any()):
            raise TailtuneError(
                f"the parameters had gradients when {name}.step(closure) began, and it could only drop "
                "them: it calls backward itself. Leave out the backward calls before it (to accumulate, let the "
                "closure yield the microbatches), call zero_grad() on left-overs, or use first_step and second_step"
            )
        self.clear()

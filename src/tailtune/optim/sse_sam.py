"""SSE-SAM's first stage: head and tail classes climb apart, each with a radius of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts
from tailtune.losses.targets import of_samples
from tailtune.optim.grouped_ascents import GroupedAscents
from tailtune.optim.imbsam import tail_classes
from tailtune.optim.parts import Part

HEAD, TAIL = 0, 1


class HeadAndTailSAM(GroupedAscents):
    """Descends on L_head(w + eps_head) + L_tail(w + eps_tail), eps = rho g / ||g|| with the gradient of either at w.

    With N samples of losses l_i and t_i the share of sample i's targets that lies in tail classes, L_head =
    (1/N) sum_i (1 - t_i) l_i and L_tail = (1/N) sum_i t_i l_i. A step takes three forward and four backward passes.
    With ``head_rho`` 0 it is `ImbSAM`, which takes fewer. For all else see `SAM`.

    Args:
        base: an optimiser instance over the parameters.
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        model: the network whose BatchNorm layers are to be held on the later passes.
        head_rho: radius of the head classes' ascent, 0 or more.
        tail_rho: radius of the tail classes' ascent, 0 or more.
        threshold: see `tail_classes`.
        share: see `tail_classes`.
        backward: called with a scalar loss to compute gradients, and with ``retain_graph=True`` for the ascents.
        before_step: called without arguments between the last backward and the base's step.

    Raises:
        TailtuneError: a negative radius, what `tail_classes` refuses, or a step in a process of several.

    Source: Lyu et al. 2025, "SSE-SAM: Balancing Head and Tail Classes Gradually through Stage-Wise SAM", and its code
    Zemdalk/SSE-SAM.

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> base = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> optimizer = HeadAndTailSAM(base, counts=(900, 90, 10), model=model)
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        counts: Counts,
        model: nn.Module | None = None,
        head_rho: float = 0.05,
        tail_rho: float = 0.1,
        threshold: float = 20,
        share: float = 0.2,
        backward: Callable[..., Any] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if min(head_rho, tail_rho) < 0:
            raise TailtuneError(f"head_rho and tail_rho must be 0 or more, however: {head_rho=}, {tail_rho=}")
        self.rhos = (head_rho, tail_rho)
        self.tail = torch.from_numpy(tail_classes(counts, threshold, share))
        super().__init__(base, model=model, rho=1.0, backward=backward, before_step=before_step)

    def _is_sharp(self) -> bool:
        return max(self.rhos) > 0 and super()._is_sharp()

    def _radius(self, group: int) -> float:
        return self.rhos[group]

    def _shares(self, part: Part) -> Tensor:
        losses, targets, _ = part
        tail = of_samples(self.tail.to(losses.device, losses.dtype), targets, len(losses))
        return torch.stack([1 - tail, tail], dim=1) / len(losses)

"""SAM-A with an ascent for every class of the batch: what "a step size for each class" says to the letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts
from tailtune.optim.grouped_ascents import GroupedAscents
from tailtune.optim.parts import Part
from tailtune.optim.sama import SAMA
from tailtune.profile import Rule


class GroupedSAMA(GroupedAscents, SAMA):
    """Descends on sum_k L_k(w + eps_k), with eps_k = rho_k g_k / ||g_k|| and g_k the gradient of L_k at w.

    With N samples of losses l_i and targets q_i, as the closure returns them, L_k = (1/N) sum_i q_ik l_i is the part of
    the loss that belongs to class k. For C classes in the batch a step takes C + 1 forward and 2 C backward passes, and
    memory for C gradients, where `SAMA` takes two of each: it is the form to compare with, for data of few classes. A
    mixed sample belongs to all of its classes. With one class in the batch it is SAM with the radius of that class.

    The radii rho_k are those of `SAMA`, and none exceeds `cap` times rho. An auxiliary term of the closure is divided
    as the batch is: class k perturbs the part (1/N) sum_i q_ik of it. Each pass sees the whole batch, so BatchNorm
    normalises by it; only the pass at w moves the running statistics. Of a batch in parts each class climbs by its
    gradient over all of them, as with ``accumulate="whole"``. For all else see `SAM`.

    Args:
        base: an optimiser instance over the parameters.
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        model: the network whose BatchNorm layers are to be held on the later passes.
        rho: radius of a class of average size, for the groups of `base` that have no ``"rho"`` of their own.
        rule: "inverse" or "printed", see `SAMA`.
        kappa: strength of the inverse rule; 0 gives all classes the same radius (and is not SAM).
        cap: the largest ratio of a class's radius to rho, before normalising (inverse rule) and after it.
        priors: class distribution of the batches [K] if a sampler makes it differ from `counts`, see `SAMA`.
        backward: called with a scalar loss to compute gradients, and with ``retain_graph=True`` for the ascents.
        before_step: called without arguments between the last backward and the base's step.

    Raises:
        TailtuneError: what `SAMA` refuses, the official rule, which has no radius for a class, or a step in a process
            of several, which would hold different classes.

    Source: "Simplifying Neural Network Training Under Class Imbalance", appendix A.6.

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = GroupedSAMA(torch.optim.SGD(model.parameters(), lr=0.1), counts=(900, 90, 10), model=model)
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        counts: Counts,
        model: nn.Module | None = None,
        rho: float = 0.05,
        rule: Rule = "inverse",
        kappa: float = 1.0,
        cap: float = 5.0,
        priors: ArrayLike | Tensor | None = None,
        backward: Callable[..., Any] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if rule == "official":
            raise TailtuneError("rule='official' has no radius for a class: take 'inverse' or 'printed' when grouped")
        super().__init__(
            base,
            counts,
            model=model,
            rho=rho,
            rule=rule,
            kappa=kappa,
            cap=cap,
            priors=priors,
            backward=backward,
            before_step=before_step,
        )

    _elsewhere = "an ascent for every class runs in one process only: take normalise='mean_radius'"

    def _radius(self, group: int) -> float:
        return float(self.radii[group].clamp_max(self.cap).item())

    def _shares(self, part: Part) -> Tensor:
        """Each sample's share of its part by class, q_ik / n, [n, K]."""
        losses, targets, _ = part
        self._radii_of(targets, losses)  # refuses bad targets
        rows = targets.detach().to(losses.device)
        if rows.ndim == 1:
            rows = nn.functional.one_hot(rows, len(self.radii))
        return rows.to(losses.dtype) / len(losses)

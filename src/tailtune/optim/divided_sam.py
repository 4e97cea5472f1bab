"""SAM for a part of the loss: a share of every class's is taken at w + eps, the rest at w."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.targets import of_samples
from tailtune.optim.gradients import batch_loss, mean_over_ranks, several_processes
from tailtune.optim.parts import Part
from tailtune.optim.sam import SAM, Accumulate


class DividedSAM(SAM):
    """Descends on L_still(w) + factor L_sharp(w + eps), with eps = rho g / ||g|| and g the gradient of L_sharp at w.

    With N samples of losses l_i and s_i = sum_k q_ik s_k the share of sample i, of targets q_i and shares s_k of the
    classes, L_still = (1/N) sum_i (1 - s_i) l_i and L_sharp = (1/N) sum_i s_i l_i. So a step makes two forward passes,
    as SAM's, and three backward passes. A batch whose samples have no share takes a step of the base, one whose samples
    are sharp as a whole takes a step of SAM (for factor 1).

    An auxiliary term of the closure is divided as the batch is: the mean of the s_i is its part that counts as sharp
    (without the factor), the rest is not perturbed.

    Under DDP both gradients at w are averaged over the ranks; with `no_sync` each rank perturbs by the gradient of its
    own samples. The returned loss is the plain mean, whatever the shares. For all else see `SAM`.

    Args:
        base: an optimiser instance over the parameters.
        sharp: share of each class's loss that is taken at w + eps [K], in [0, 1].
        model: the network whose BatchNorm layers are to be held on the second pass.
        rho: radius of the perturbation, for the groups of `base` that have no ``"rho"`` of their own.
        factor: weight of the sharp loss, 0 or more.
        accumulate: what climbs by its own gradient if the closure yields parts: the "whole" batch, or "each" part.
        backward: called with a scalar loss to compute gradients, and once a step with ``retain_graph=True``.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step.

    Raises:
        TailtuneError: what `SAM` refuses, or a negative factor.

    >>> model = nn.Linear(2, 2)
    >>> x, targets = torch.randn(8, 2), torch.randint(2, (8,))
    >>> optimizer = DividedSAM(torch.optim.SGD(model.parameters(), lr=0.1), torch.tensor([0.0, 0.5]).numpy())
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        sharp: NDArray[Any],
        model: nn.Module | None = None,
        rho: float = 0.05,
        factor: float = 1.0,
        accumulate: Accumulate = "whole",
        backward: Callable[..., Any] | None = None,
        no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if factor < 0:
            raise TailtuneError(f"factor is the weight of the tail loss, 0 or more, however: {factor=}")
        self.sharp = torch.from_numpy(sharp)
        self.factor = factor
        self._has_sharp = bool(self.sharp.any())
        self._shares = self.sharp  # on the device and in the dtype of the last losses
        super().__init__(
            base,
            model=model,
            rho=rho,
            accumulate=accumulate,
            backward=backward,
            no_sync=no_sync,
            before_step=before_step,
        )

    def _is_sharp(self) -> bool:
        return self._has_sharp and super()._is_sharp()

    def _two_passes(self, passes: Callable[[], Iterable[Part]]) -> Tensor:
        self._carried = {}  # the gradients of the parts at w, to which the descent adds those at w + eps
        try:
            return super()._two_passes(passes)
        finally:
            self._carried = {}

    def _ascend(self, part: Part, weight: float) -> Tensor:
        still, sharp = self._divided(part)
        self._add_to(self._carried, still, weight)
        self._differentiate(sharp, weight)
        return self._objective(part)

    def _factor(self) -> Tensor:
        if several_processes():
            # DDP reduces the first backward of a forward, here that at w, unless no_sync keeps both on their rank.
            mean_over_ranks(self._held.all() if self._no_sync is None else list(self._carried.values()))
        return super()._factor()

    def _descend_part(self, part: Part, weight: float) -> Tensor:
        still, sharp = self._divided(part)
        self._differentiate(sharp if self._carried else still + sharp, weight)
        return self._objective(part)

    def _refuse_several_backwards(self, what: str) -> None:
        raise TailtuneError(
            f"{what} needs an ascent of one backward pass, and {type(self).__name__} takes two: take SAM or SAM-A"
        )

    @staticmethod
    def _objective(part: Part) -> Tensor:
        return batch_loss(part.losses.detach(), None if part.auxiliary is None else part.auxiliary.detach())

    def _divided(self, part: Part) -> tuple[Tensor, Tensor]:
        """Divide the objective into what is taken at w, and what at w + eps."""
        losses, targets, auxiliary = part
        mass = self._mass(targets, losses)
        share = mass.mean()
        if auxiliary is not None and several_processes():
            mean_over_ranks([share])
        still = batch_loss(losses, None if auxiliary is None else (1 - share) * auxiliary, (1 - mass) / len(losses))
        sharp = batch_loss(losses, None if auxiliary is None else share * auxiliary, mass * (self.factor / len(losses)))
        return still, sharp

    def _mass(self, targets: Tensor, losses: Tensor) -> Tensor:
        """Return the share [N] of every sample's loss that is taken at w + eps."""
        if self._shares.device != losses.device or self._shares.dtype != losses.dtype:
            self._shares = self.sharp.to(losses.device, losses.dtype)
        return of_samples(self._shares, targets, len(losses))

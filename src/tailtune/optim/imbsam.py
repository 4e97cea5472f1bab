"""ImbSAM: sharpness-aware minimisation for the tail classes alone, plain gradients for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.targets import of_samples
from tailtune.optim.gradients import batch_loss, mean_over_ranks, several_processes
from tailtune.optim.parts import Part
from tailtune.optim.sam import SAM, Accumulate


class ImbSAM(SAM):
    """Descends on L_head(w) + factor L_tail(w + eps), with eps = rho g / ||g|| and g the gradient of L_tail at w.

    With N samples of losses l_i and t_i the share of sample i's targets that lies in tail classes (0 or 1 for class
    indices), L_head = (1/N) sum_i (1 - t_i) l_i and L_tail = (1/N) sum_i t_i l_i. So a step makes two forward passes,
    as SAM's, and three backward passes. A batch without tail samples takes a step of the base, one without head samples
    a step of SAM (for factor 1).

    An auxiliary term of the closure is divided as the batch is: the mean of the t_i is its part that counts as tail
    (without the factor), the rest is not perturbed.

    Under DDP both gradients at w are averaged over the ranks; with `no_sync` each rank perturbs by the gradient of its
    own tail samples. The returned loss is the plain mean, whatever the factor. For all else see `SAM`.

    Args:
        base: an optimiser instance over the parameters.
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        model: the network whose BatchNorm layers are to be held on the second pass.
        rho: radius of the perturbation, for the groups of `base` that have no ``"rho"`` of their own.
        threshold: see `tail_classes`.
        share: see `tail_classes`.
        factor: weight of the tail loss, 0 or more.
        accumulate: what climbs by its own gradient if the closure yields parts: the "whole" batch, or "each" part.
        backward: called with a scalar loss to compute gradients, and once a step with ``retain_graph=True``.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step.

    Attributes:
        tail: which classes are tail classes, bool [K].

    Raises:
        TailtuneError: what `SAM` and `tail_classes` refuse, or a negative factor.

    Source: Zhou et al. 2023, "ImbSAM: A Closer Look at Sharpness-Aware Minimization in Class-Imbalanced Recognition",
    and its code cool-xuan/Imbalanced_SAM.

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = ImbSAM(torch.optim.SGD(model.parameters(), lr=0.1), counts=(900, 90, 10), model=model)
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    >>> optimizer.tail.tolist()
    [False, False, True]
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        counts: Counts,
        model: nn.Module | None = None,
        rho: float = 0.05,
        threshold: float = 20,
        share: float = 0.2,
        factor: float = 1.0,
        accumulate: Accumulate = "whole",
        backward: Callable[..., Any] | None = None,
        no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if factor < 0:
            raise TailtuneError(f"factor is the weight of the tail loss, 0 or more, however: {factor=}")
        self.tail = torch.from_numpy(tail_classes(counts, threshold, share))
        self.factor = factor
        self._has_tail = bool(self.tail.any())
        self._tail = self.tail  # on the device and in the dtype of the last losses
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
        return self._has_tail and super()._is_sharp()

    def _two_passes(self, passes: Callable[[], Iterable[Part]]) -> Tensor:
        self._carried = {}  # the gradients of the head's parts, to which the descent adds those of the tail's
        try:
            return super()._two_passes(passes)
        finally:
            self._carried = {}

    def _ascend(self, part: Part, weight: float) -> Tensor:
        head, tail = self._divided(part)
        self._add_to(self._carried, head, weight)
        self._differentiate(tail, weight)
        return self._objective(part)

    def _factor(self) -> Tensor:
        if several_processes():
            # DDP reduces the first backward of a forward, here the head's, unless no_sync keeps both on their rank.
            mean_over_ranks(self._held.all() if self._no_sync is None else list(self._carried.values()))
        return super()._factor()

    def _descend_part(self, part: Part, weight: float) -> Tensor:
        head, tail = self._divided(part)
        self._differentiate(tail if self._carried else head + tail, weight)
        return self._objective(part)

    def _refuse_several_backwards(self, what: str) -> None:
        raise TailtuneError(f"{what} needs an ascent of one backward pass, and ImbSAM takes two: take SAM or SAM-A")

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
        head = batch_loss(losses, None if auxiliary is None else (1 - share) * auxiliary, (1 - mass) / len(losses))
        tail = batch_loss(losses, None if auxiliary is None else share * auxiliary, mass * (self.factor / len(losses)))
        return head, tail

    def _mass(self, targets: Tensor, losses: Tensor) -> Tensor:
        """Return the share [N] of every sample's targets that lies in tail classes."""
        if self._tail.device != losses.device or self._tail.dtype != losses.dtype:
            self._tail = self.tail.to(losses.device, losses.dtype)
        return of_samples(self._tail, targets, len(losses))


def tail_classes(counts: Counts, threshold: float = 20, share: float = 0.2) -> NDArray[np.bool_]:
    """Mark the tail classes: those of fewer than `threshold` samples, and the rarest `share` of all classes.

    Of classes that are equally rare the later ones come first, and a class as large as the largest is no tail class by
    its share.

    Args:
        counts: training samples of each class [K].
        threshold: number of samples below which a class is a tail class; 0 for none.
        share: of the K classes, rounded, in [0, 1].

    Returns:
        bool [K].

    Raises:
        TailtuneError: a negative threshold, a share outside of [0, 1], or what `read_counts` refuses.

    >>> tail_classes((500, 60, 30, 40, 500), share=0.4).tolist(), tail_classes((500, 60, 9), share=0).tolist()
    ([False, False, True, True, False], [False, False, True])
    """
    if threshold < 0 or not 0 <= share <= 1:
        raise TailtuneError(f"threshold must be 0 or more and share in [0, 1], however: {threshold=}, {share=}")
    sizes = read_counts(counts)
    rarest = np.zeros(len(sizes), dtype=np.bool_)
    rarest[np.argsort(-sizes, kind="stable")[len(sizes) - round(share * len(sizes)) :]] = True
    return np.asarray((sizes < threshold) | (rarest & (sizes < sizes.max())))

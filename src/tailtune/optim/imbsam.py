"""ImbSAM: sharpness-aware minimisation for the tail classes alone, plain gradients for the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.optim.divided_sam import DividedSAM
from tailtune.optim.sam import Accumulate


class ImbSAM(DividedSAM):
    """Descends on L_head(w) + factor L_tail(w + eps), with eps = rho g / ||g|| and g the gradient of L_tail at w.

    It is `DividedSAM` with a share of 1 for tail classes and of 0 for the others. A batch without tail samples takes a
    step of the base, one without head samples a step of SAM (for factor 1).

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
        tail = tail_classes(counts, threshold, share)
        self.tail = torch.from_numpy(tail)
        super().__init__(
            base,
            tail,
            model=model,
            rho=rho,
            factor=factor,
            accumulate=accumulate,
            backward=backward,
            no_sync=no_sync,
            before_step=before_step,
        )


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

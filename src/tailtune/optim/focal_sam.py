"""Focal-SAM: how sharp the loss is counts more for rare classes, for the price of one more backward pass than SAM."""

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


class FocalSAM(DividedSAM):
    """Descends on L(w) + sum_k s_k [L_k(w + eps) - L_k(w)], with s_k = sharpness (1 - pi_k)^gamma.

    L_k is the part of the loss that belongs to class k, pi_k its share of the training rows, and eps = rho g / ||g||
    with g the gradient of sum_k s_k L_k at w. So it is `DividedSAM` with these shares. With gamma 0 and sharpness 1 it
    is SAM, with sharpness 0 the base optimiser.

    Args:
        base: an optimiser instance over the parameters.
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        model: the network whose BatchNorm layers are to be held on the second pass.
        rho: radius of the perturbation, for the groups of `base` that have no ``"rho"`` of their own.
        gamma: how much more rare classes count, 0 or more.
        sharpness: the source's lambda: weight of the sharpness against the loss, in [0, 1].
        accumulate: what climbs by its own gradient if the closure yields parts: the "whole" batch, or "each" part.
        backward: called with a scalar loss to compute gradients, and once a step with ``retain_graph=True``.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step.

    Raises:
        TailtuneError: what `DividedSAM` and `focal_shares` refuse.

    Source: Li et al. 2025, "Focal-SAM: Focal Sharpness-Aware Minimization for Long-Tailed Classification", and its
    code scongl/Focal-SAM.

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = FocalSAM(torch.optim.SGD(model.parameters(), lr=0.1), counts=(900, 90, 10), model=model)
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        counts: Counts,
        model: nn.Module | None = None,
        rho: float = 0.2,
        gamma: float = 3.0,
        sharpness: float = 0.5,
        accumulate: Accumulate = "whole",
        backward: Callable[..., Any] | None = None,
        no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(
            base,
            focal_shares(counts, gamma, sharpness),
            model=model,
            rho=rho,
            accumulate=accumulate,
            backward=backward,
            no_sync=no_sync,
            before_step=before_step,
        )


def focal_shares(counts: Counts, gamma: float = 3.0, sharpness: float = 0.5) -> NDArray[np.float64]:
    """Return the weight of each class's sharpness, s_k = sharpness (1 - n_k / n)^gamma [K].

    Args:
        counts: training samples of each class [K].
        gamma: 0 or more.
        sharpness: in [0, 1].

    Raises:
        TailtuneError: a gamma or sharpness out of range, or what `read_counts` refuses.

    >>> focal_shares((90, 10), gamma=1.0, sharpness=0.5).round(3).tolist()
    [0.05, 0.45]
    """
    if not (0 <= gamma < float("inf") and 0 <= sharpness <= 1):
        raise TailtuneError(f"gamma must be 0 or more and sharpness in [0, 1], however: {gamma=}, {sharpness=}")
    sizes = np.asarray(read_counts(counts), dtype=np.float64)
    return np.asarray(sharpness * (1 - sizes / sizes.sum()) ** gamma)

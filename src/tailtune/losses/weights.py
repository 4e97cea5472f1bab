"""Weights of the classes, by which the losses of their rows are multiplied, and their schedule.

The weight of a row with (soft) target q is sum_k q_k w_k (`weights_of_rows`), and the batch mean divides by the number
of rows N. What a weighting does to the classes lies in the ratios of its weights; their scale is that of the steps, and
there are three customs (`Normalise`):

- ``"rows"`` (default): sum_k p_k w_k = 1 with p_k = n_k / N the share of class k: the training rows weigh 1 on average.
- ``"classes"``: (1/K) sum_k w_k = 1, as papers write the weights. On long-tailed data nearly all rows have small
  weights, so the mean row weighs little, a fifth or less at a ratio of 0.01, and the steps of SGD are as much shorter.
- ``"batch"``: the rows of each batch weigh 1 on average, which is the weighted mean sum_i w_i l_i / sum_i w_i. It is
  torch's ``cross_entropy(weight=w)`` on class indices, and so what the code behind most papers does.

>>> import torch
>>> w = torch.from_numpy(inverse_frequency((80, 20)))
>>> weights_of_rows(w, torch.tensor([0, 1])).tolist()
[0.625, 2.5]
>>> weights_of_rows(w, torch.tensor([0, 0]), normalised=True).tolist()
[1.0, 1.0]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.targets import check_targets, of_targets
from tailtune.profile import Floats

Normalise = Literal["classes", "rows", "batch"]


def inverse_frequency(counts: Counts, normalise: Normalise = "rows") -> Floats:
    """Weights w_k = c / n_k [K], with c such that their mean over the rows, or over the classes, is 1.

    An empty class gets 1 and the others are scaled among themselves: as no row has its weight, it must not take any
    away from them.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        normalise: what has mean 1: the training "rows" (sum_k n_k w_k = sum_k n_k) or the "classes" (sum_k w_k = K).
            For "batch", where only ratios matter, the weights are those of "classes"; `weights_of_rows` does the rest.

    Raises:
        TailtuneError: an unknown `normalise`, or what `read_counts` refuses.

    >>> inverse_frequency((80, 20)).tolist()
    [0.625, 2.5]
    >>> inverse_frequency((80, 20), normalise="classes").round(2).tolist()
    [0.4, 1.6]
    """
    n = read_counts(counts)
    return _balanced(n, n, normalise)


def effective_number(counts: Counts, beta: float = 0.9999, normalise: Normalise = "rows") -> Floats:
    """Weights w_k = c (1 - beta) / (1 - beta^n_k) [K], with c such that their mean over rows, or classes, is 1.

    The effective number of samples (1 - beta^n) / (1 - beta) grows with n up to 1 / (1 - beta): beta 0 weighs all
    classes alike, and beta towards 1 is `inverse_frequency`. An empty class gets 1 and the others are scaled among
    themselves.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        beta: in [0, 1).
        normalise: as for `inverse_frequency`.

    Raises:
        TailtuneError: `beta` outside [0, 1), an unknown `normalise`, or what `read_counts` refuses.

    Source: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples".

    >>> effective_number((30, 10), beta=0).tolist()
    [1.0, 1.0]
    """
    if not 0 <= beta < 1:
        raise TailtuneError(f"beta must lie in [0, 1), however: {beta=}")
    n = read_counts(counts)
    return _balanced(n, (1 - beta**n) / (1 - beta), normalise)


def _balanced(counts: Floats, sizes: Floats, normalise: Normalise) -> Floats:
    if normalise not in get_args(Normalise):
        raise TailtuneError(f"normalise must be 'classes', 'rows' or 'batch', however: {normalise=}")
    full = counts > 0
    weights = np.ones_like(sizes)
    weights[full] = 1 / sizes[full]
    if normalise == "rows":
        weights[full] *= counts.sum() / (counts @ weights)
    else:
        weights[full] *= full.sum() / weights[full].sum()
    return weights


def weights_of_rows(weights: Tensor, targets: Tensor, normalised: bool = False) -> Tensor:
    """Weights [N] of the rows of a batch, w_i = sum_k q_ik w_k, to multiply their losses by before the mean.

    Args:
        weights: of the classes [K], not negative.
        targets: class indices [N], or soft targets q [N, K].
        normalised: divide by the mean weight of the batch, w_i / ((1/N) sum_j w_j), which makes the mean of the
            weighted losses sum_i w_i l_i / sum_i w_i. Under DDP each process does it for its own rows, as torch does.

    Raises:
        TailtuneError: what `tailtune.losses.targets.check_targets` refuses.

    >>> losses, w = torch.tensor([3.0, 1.0]), torch.tensor([0.5, 1.5])
    >>> (weights_of_rows(w, torch.tensor([0, 1]), normalised=True) * losses).mean().item()
    1.5
    """
    check_targets(targets, len(targets), len(weights))
    rows = of_targets(weights, targets)
    # The clamp leaves a batch that weighs nothing without a step.
    return rows / rows.mean().clamp_min(torch.finfo(rows.dtype).tiny) if normalised else rows


def deferred(weights: Floats, start: float = 0.8) -> Callable[[float], Floats]:
    """Schedule of deferred re-weighting (DRW): every class weighs 1 until `start`, and `weights` from then on.

    Args:
        weights: of the classes [K].
        start: share of the training, in [0, 1], after which they hold.

    Returns:
        ``progress in [0, 1] -> weights [K]``.

    Raises:
        TailtuneError: `start` outside [0, 1].

    Source: Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", Algorithm 1.

    >>> schedule = deferred(inverse_frequency((80, 20)), start=0.8)
    >>> schedule(0.79).tolist(), schedule(0.8).tolist()
    ([1.0, 1.0], [0.625, 2.5])
    """
    if not 0 <= start <= 1:
        raise TailtuneError(f"start must lie between 0 and 1, however: {start=}")
    before = np.ones_like(weights)
    return lambda progress: weights if progress >= start else before

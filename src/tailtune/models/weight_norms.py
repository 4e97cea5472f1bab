"""Tau-normalisation: shorter weight vectors for the classes whose weights have grown long."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError

GRID = tuple(i / 10 for i in range(21))  # the source's: 0, 0.1, ..., 2
SMALLEST_NORM = 1e-12


@torch.no_grad()
def tau_normalised(head: nn.Module, tau: float, keep_bias: bool = False) -> nn.Linear:
    """Rescale a linear classifier's weights to w_k / ||w_k||^tau.

    Trained on imbalanced data, frequent classes have longer weight vectors. tau = 1 makes all of length 1, tau = 0
    changes no weight, and between the two the differences shrink.

    Args:
        head: the classifier, an ``nn.Linear`` with weights [K, D].
        tau: 0 or more.
        keep_bias: leave the biases as they are; by default they become 0, as in the source, since biases too favour
            frequent classes.

    Returns:
        A new ``nn.Linear`` with a bias if `head` has one.

    Raises:
        TailtuneError: another kind of head (a cosine head ignores the norms), or a negative tau.

    Source: Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", section 4.2.

    >>> head = nn.Linear(3, 2)
    >>> tau_normalised(head, tau=1.0).weight.norm(dim=1).allclose(torch.ones(2))
    True
    """
    if not isinstance(head, nn.Linear):
        raise TailtuneError(
            f"tau-normalisation needs a linear head, however: {type(head).__name__}; train with the linear head"
        )
    if tau < 0:
        raise TailtuneError(f"tau must be 0 or more, however: {tau=}")
    scaled = nn.Linear(head.in_features, head.out_features, head.bias is not None).to(head.weight)
    norms = head.weight.norm(dim=1, keepdim=True).clamp_min(SMALLEST_NORM)
    scaled.weight.copy_(head.weight / norms**tau)
    if head.bias is not None:
        scaled.bias.copy_(head.bias if keep_bias else torch.zeros_like(head.bias))
    return scaled


@torch.no_grad()
def choose_tau(head: nn.Module, features: Tensor, targets: Tensor, keep_bias: bool = False) -> float:
    """Choose tau from 0, 0.1, ..., 2 by balanced accuracy.

    Where several values are equally good, the middle one of them is taken: the first would be at the edge of what
    works.

    Args:
        head: the classifier, an ``nn.Linear``.
        features: of held-out rows [N, D].
        targets: their class indices, int64 [N]; classes without rows do not count.
        keep_bias: see `tau_normalised`.

    Raises:
        TailtuneError: what `tau_normalised` refuses.
    """
    scores = []
    for tau in GRID:
        head_at = tau_normalised(head, tau, keep_bias)
        right = (head_at(features).argmax(1) == targets).double()
        sizes = torch.bincount(targets, minlength=head_at.out_features)
        recalls = torch.bincount(targets, weights=right, minlength=head_at.out_features) / sizes
        scores.append(round(float(recalls[sizes > 0].mean()), 9))
    best = [tau for tau, score in zip(GRID, scores, strict=True) if score == max(scores)]
    return best[(len(best) - 1) // 2]

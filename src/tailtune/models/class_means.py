"""Nearest class mean: the classifier that takes the class whose mean feature is closest, as a linear layer."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tailtune.errors import TailtuneError

Metric = Literal["euclidean", "cosine"]


@torch.no_grad()
def nearest_class_mean(features: Tensor, targets: Tensor, num_classes: int, metric: Metric = "euclidean") -> nn.Linear:
    """Make the linear classifier whose largest logit is that of the nearest class mean.

    - ``"euclidean"``: logits 2 mu_k . f - ||mu_k||^2, which is ||f||^2 - ||f - mu_k||^2.
    - ``"cosine"``: logits f . c_k / ||c_k||, c_k the mean of the class's features scaled to length 1, which is
      ||f|| cos(f, c_k).

    A class's size does not matter, other than by how well its mean is known. A class without rows has no mean and is
    given a bias so low that it is never predicted (as long as no feature is ten times longer than all of `features`).
    The logits' largest is what counts: their softmax is no calibrated probability.

    Args:
        features: of the training rows [N, D].
        targets: their class indices, int64 [N].
        num_classes: K.
        metric: see above.

    Returns:
        ``nn.Linear(D, K)`` on the device and in the dtype of the features.

    Raises:
        TailtuneError: an unknown metric, or features and targets that do not fit.

    Source: Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", section 4.2.

    >>> head = nearest_class_mean(torch.tensor([[0.0, 0.0], [0.0, 2.0], [5.0, 1.0]]), torch.tensor([0, 0, 1]), 2)
    >>> head.weight.tolist(), head.bias.tolist()
    ([[0.0, 2.0], [10.0, 2.0]], [-1.0, -26.0])
    """
    if metric not in ("euclidean", "cosine"):
        raise TailtuneError(f"metric must be 'euclidean' or 'cosine', however: {metric=}")
    if features.ndim != 2 or targets.shape != features.shape[:1] or len(targets) == 0:
        raise TailtuneError(
            f"features [N, D] need targets [N], however: shapes {tuple(features.shape)} and {tuple(targets.shape)}"
        )
    rows = features.double()
    if metric == "cosine":
        rows = F.normalize(rows)
    sizes = torch.bincount(targets, minlength=num_classes)
    sums = rows.new_zeros(num_classes, rows.shape[1]).index_add_(0, targets, rows)
    means = sums / sizes.clamp_min(1)[:, None]
    head = nn.Linear(features.shape[1], num_classes).to(features)
    if metric == "cosine":
        weight, bias = F.normalize(means), torch.zeros_like(means[:, 0])
    else:
        weight, bias = 2 * means, -means.square().sum(1)
    longest = features.double().square().sum(1).max()
    head.weight.copy_(weight)
    head.bias.copy_(bias.masked_fill(sizes == 0, float(-100 * (1 + longest))))
    return head

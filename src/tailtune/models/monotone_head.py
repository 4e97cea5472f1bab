"""A linear head whose weight vectors are never longer for a more frequent class: norms by isotonic regression."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tailtune.errors import TailtuneError

TINY = 1e-6


def isotonic(values: Tensor) -> Tensor:
    """Return the non-decreasing sequence that is nearest to `values` [K] in squares: pool adjacent violators.

    Neighbours that fall are replaced by their mean until nothing falls. Gradients are means within the pooled blocks,
    as the derivative of these means says.

    >>> isotonic(torch.tensor([1.0, 3.0, 2.0])).tolist()
    [1.0, 2.5, 2.5]
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in values.detach().tolist():
        means.append(value)
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            mean, size = means.pop(), sizes.pop()
            means[-1] = (means[-1] * sizes[-1] + mean * size) / (sizes[-1] + size)
            sizes[-1] += size
    lengths = torch.tensor(sizes, device=values.device)
    block = torch.repeat_interleave(torch.arange(len(sizes), device=values.device), lengths)
    sums = torch.zeros(len(sizes), dtype=values.dtype, device=values.device).index_add(0, block, values)
    return (sums / lengths)[block]


class MonotoneHead(nn.Module):
    """Logits ``exp(1 / t_k) w_k / ||w_k|| . x + exp(1 / u_k) + b_k``, where t and u do not fall with class size.

    t and u are softplus of the isotonic regression of free numbers a class, in the order of the class sizes, so a rarer
    class never has the shorter weight vector. Classes of one size keep their order. The directions, biases and numbers
    are trained; the numbers start at the class sizes, scaled to 0..1.

    Args:
        linear: the head to start from; its parameters are taken over, not copied.
        counts: training samples of each class [K].

    Raises:
        TailtuneError: another kind of head, one without biases, or counts of another length.

    Source: Zhang, Li & Zhu 2026, "Why Not Hyperparameter-Friendly Optimisation? A Monotonic Adaptive Norm Rescaling
    Approach For Long-Tailed Recognition", and its code Zhangshuojackpot/SAMN.

    >>> head = MonotoneHead(nn.Linear(4, 3), (90, 9, 1))
    >>> head.folded().weight.norm(dim=1).argmax().item()
    2
    """

    def __init__(self, linear: nn.Module, counts: ArrayLike) -> None:
        super().__init__()
        if not isinstance(linear, nn.Linear) or linear.bias is None:
            raise TailtuneError(
                f"monotone norms need a linear head with biases, however: {type(linear).__name__}; train with the "
                "linear head"
            )
        sizes = torch.as_tensor(np.array(counts, dtype=np.float64)).to(linear.weight)
        if len(sizes) != linear.out_features:
            raise TailtuneError(f"a head of {linear.out_features} classes needs as many counts, however: {len(sizes)}")
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        start = (sizes - sizes.min()) / (sizes.max() - sizes.min()).clamp_min(TINY) + TINY
        self.of_weights, self.of_biases = nn.Parameter(start.clone()), nn.Parameter(start.clone())
        order = torch.argsort(sizes, stable=True)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("place", torch.argsort(order), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits [N, K] of features [N, D]."""
        return F.linear(features, *self._effective())

    def _effective(self) -> tuple[Tensor, Tensor]:
        """The weights [K, D] and biases [K] of the linear map."""
        weight = F.normalize(self.weight) * self._scales(self.of_weights)[:, None]
        return weight, self._scales(self.of_biases) + self.bias

    def _scales(self, free: Tensor) -> Tensor:
        """exp(1 / softplus(isotonic)) of each class [K]; it does not rise with class size."""
        order, place = self.get_buffer("order"), self.get_buffer("place")
        return torch.exp(1 / (F.softplus(isotonic(free[order])[place]) + 2 * TINY))

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        """Return the linear head that gives the same logits."""
        head = nn.Linear(self.in_features, self.out_features).to(self.weight)
        weight, bias = self._effective()
        head.weight.copy_(weight)
        head.bias.copy_(bias)
        return head

    def extra_repr(self) -> str:
        """Describe the head in a printed model."""
        return f"in_features={self.in_features}, out_features={self.out_features}"

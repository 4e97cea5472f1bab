"""Label-aware smoothing: more of it for more frequent classes, which are the ones predicted too confidently."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss
from tailtune.losses.smoothing import smooth_checked
from tailtune.profile import Floats

Shape = Literal["concave", "linear", "convex"]
Spread = Literal["all", "others"]


def label_aware_rates(counts: Counts, head: float = 0.3, tail: float = 0.0, shape: Shape = "concave") -> Floats:
    """Smoothing of each class, eps_k = tail + (head - tail) f(t_k) with t_k = (n_k - n_min) / (n_max - n_min).

    - ``"concave"`` (default): f(t) = sin(pi t / 2)
    - ``"linear"``: f(t) = t
    - ``"convex"``: f(t) = 1 - cos(pi t / 2), in the source 1 + sin(3 pi / 2 + pi t / 2)

    Where all classes are equally frequent, the source divides 0 by 0; all of them are the most frequent class then
    and get `head`.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        head: eps of the most frequent class, in [0, 1).
        tail: eps of the rarest class, in [0, 1).
        shape: how eps grows with the class's size between the two.

    Returns:
        eps, float64 [K].

    Raises:
        TailtuneError: `head` or `tail` outside [0, 1), an unknown shape, or what `read_counts` refuses.

    Source: Zhong et al. 2021, "Improving Calibration for Long-Tailed Recognition", section 3.2.

    >>> label_aware_rates((100, 55, 10), head=0.4, tail=0.1, shape="linear").tolist()
    [0.4, 0.25, 0.1]
    """
    if not (0 <= head < 1 and 0 <= tail < 1):
        raise TailtuneError(f"head and tail must lie in [0, 1), however: {head=}, {tail=}")
    n = read_counts(counts)
    t = (n - n.min()) / (n.max() - n.min()) if n.max() > n.min() else np.ones_like(n)
    if shape == "concave":
        f = np.sin(np.pi * t / 2)
    elif shape == "linear":
        f = t
    elif shape == "convex":
        f = 1 - np.cos(np.pi * t / 2)
    else:
        raise TailtuneError(f"shape must be 'concave', 'linear' or 'convex', however: {shape=}")
    return np.asarray(tail + (head - tail) * f)


def _matrix(rates: Floats, spread: Spread) -> Floats:
    k = len(rates)
    if spread == "all":
        return np.asarray(np.diag(1 - rates) + rates[:, None] / k)
    if spread == "others":
        return np.asarray(np.diag(1 - rates - rates / (k - 1)) + rates[:, None] / (k - 1))
    raise TailtuneError(f"spread must be 'all' or 'others', however: {spread=}")


def label_aware_matrix(
    counts: Counts,
    head: float = 0.3,
    tail: float = 0.0,
    shape: Shape = "concave",
    spread: Spread = "all",
) -> Tensor:
    """Target matrix of label-aware smoothing; row i is the distribution that class i is taught.

    - ``spread="all"`` (default): (1 - eps_i) 1[y = i] + eps_i / K, which is what the source's code computes.
    - ``spread="others"``: 1 - eps_i for the class and eps_i / (K - 1) for each of the others, as the source prints.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        head: eps of the most frequent class, in [0, 1).
        tail: eps of the rarest class, in [0, 1).
        shape: see `label_aware_rates`.
        spread: over which classes eps is spread.

    Returns:
        The matrix, float32 [K, K]; rows sum to 1.

    Raises:
        TailtuneError: an unknown spread, or what `label_aware_rates` refuses.

    >>> label_aware_matrix((3, 2, 1), head=0.5, shape="linear", spread="others").tolist()
    [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.0, 0.0, 1.0]]
    """
    return torch.from_numpy(_matrix(label_aware_rates(counts, head, tail, shape), spread)).float()


class LabelAwareSmoothing(SampleLoss):
    """Cross-entropy under label-aware smoothing: frequent classes are smoothed more.

    The opposite of `tailtune.losses.smoothing.ClassConditionalSmoothing`: that one keeps a network from overfitting the
    few samples of rare classes, this one takes back the excess of confidence in frequent ones.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        head: eps of the most frequent class, in [0, 1).
        tail: eps of the rarest class, in [0, 1).
        shape: see `label_aware_rates`.
        spread: see `label_aware_matrix`.
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: what `SampleLoss` or `label_aware_matrix` refuse.

    >>> LabelAwareSmoothing(counts=(900, 90, 10))
    LabelAwareSmoothing(classes=3, head=0.3, tail=0.0)
    """

    matrix: Tensor

    def __init__(
        self,
        counts: Counts,
        head: float = 0.3,
        tail: float = 0.0,
        shape: Shape = "concave",
        spread: Spread = "all",
        reduction: Reduction = "none",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction, ignore_index, matrix=_matrix(label_aware_rates(counts, head, tail, shape), spread))
        self.head, self.tail = head, tail

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        return of_checked(logits, smooth_checked(targets, self.matrix))

    def extra_repr(self) -> str:
        """Show the number of classes and the smoothing in ``print(module)``."""
        return f"classes={len(self.matrix)}, head={self.head}, tail={self.tail}"

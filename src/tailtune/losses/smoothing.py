"""Label smoothing as a target matrix: the same for every class, or more for some classes than for others."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.cross_entropy import cross_entropy
from tailtune.profile import Rule, per_class

Reduction = Literal["none", "mean"]

LARGEST = 0.99  # the clamp of a class's smoothing: at 1 its targets would no longer say which class they are


def _matrix(smoothing: ArrayLike, num_classes: int) -> Tensor:
    eps = np.broadcast_to(np.asarray(smoothing, dtype=np.float64), (num_classes,))
    return torch.from_numpy(np.diag(1 - eps) + eps[:, None] / num_classes).float()


def smoothing_matrix(num_classes: int, smoothing: float) -> Tensor:
    """Target matrix of plain label smoothing: row i is (1 - eps) 1[y = i] + eps / K.

    Args:
        num_classes: number of classes K.
        smoothing: eps, in [0, 1).

    Returns:
        The matrix, float32 [K, K]; rows sum to 1.

    Raises:
        TailtuneError: fewer than two classes, or `smoothing` outside [0, 1).

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.

    >>> smoothing_matrix(2, 0.5).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    if num_classes < 2:
        raise TailtuneError(f"smoothing needs two classes or more, however: {num_classes=}")
    if not 0 <= smoothing < 1:
        raise TailtuneError(f"smoothing must lie in [0, 1), however: {smoothing=}")
    return _matrix(smoothing, num_classes)


def class_conditional_matrix(
    counts: ArrayLike | Tensor, smoothing: float = 0.1, rule: Rule = "inverse", kappa: float = 1.0, cap: float = 5.0
) -> Tensor:
    """Target matrix of class-conditional smoothing: row i is (1 - eps_i) 1[y = i] + eps_i / K.

    The eps_i come from `tailtune.profile.per_class`. With ``rule="inverse"`` rare classes are smoothed more and
    sum_i p_i eps_i = `smoothing`; ``"printed"`` is Equation 6 as printed, eps / (1 - p_i), by which frequent classes
    are smoothed more. In both, an eps_i above 0.99 becomes 0.99, so that every row keeps its class on top (the sum
    then falls short of `smoothing`).

    Args:
        counts: training samples of each class [K], on any device.
        smoothing: eps, the smoothing of a class of average size, in [0, 1).
        rule: ``"inverse"`` or ``"printed"``.
        kappa: strength of the inverse rule; 0 is plain smoothing.
        cap: the largest ratio of eps_i to eps before normalising (inverse rule).

    Returns:
        The matrix, float32 [K, K]; rows sum to 1.

    Raises:
        TailtuneError: ``rule="official"`` (the official code's multipliers n_max / n_i belong to SAM-A, it has no
            smoothing of this kind to reproduce), `smoothing` outside [0, 1), or what `per_class` refuses.

    Source: "Simplifying Neural Network Training Under Class Imbalance", Equation 6.

    >>> class_conditional_matrix((75, 25), 0.2).diagonal().tolist()  # eps is 0.1333 and 0.4
    [0.9333333373069763, 0.800000011920929]
    """
    if rule == "official":
        raise TailtuneError("the official code has no class-conditional smoothing: choose rule='inverse' or 'printed'")
    if not 0 <= smoothing < 1:
        raise TailtuneError(f"smoothing must lie in [0, 1), however: {smoothing=}")
    sizes = torch.as_tensor(counts, device="cpu").numpy()
    eps = per_class(smoothing, sizes, rule=rule, kappa=kappa, cap=cap)
    return _matrix(np.minimum(eps, LARGEST), len(eps))


def smooth(targets: Tensor, matrix: Tensor) -> Tensor:
    """Smooth targets by a target matrix: its rows for class indices, the product for soft targets.

    The product is linear, so that mixing one-hot rows (mixup, CutMix) and smoothing after is mixing smoothed rows.

    Args:
        targets: class indices, int64 [N], or distributions over the classes [N, K].
        matrix: target matrix [K, K], row i the distribution that class i is taught, on the device of the targets.

    Returns:
        Distributions over the classes [N, K] in the matrix's dtype.

    Raises:
        TailtuneError: targets of another shape than [N] or [N, K].

    >>> smooth(torch.tensor([1]), smoothing_matrix(2, 0.5)).tolist()
    [[0.25, 0.75]]
    """
    if targets.ndim == 1:
        return matrix[targets]
    if targets.ndim != 2 or targets.shape[1] != len(matrix):
        raise TailtuneError(
            f"targets must have shape [N] or [N, {len(matrix)}] (the classes smoothed), however: {tuple(targets.shape)}"
        )
    with torch.autocast(targets.device.type, enabled=False):  # which would round the targets to bf16
        return targets.to(matrix.dtype) @ matrix


class _SmoothedCrossEntropy(nn.Module):
    matrix: Tensor

    def __init__(self, matrix: Tensor, reduction: Reduction) -> None:
        super().__init__()
        if reduction not in ("none", "mean"):
            raise TailtuneError(f"reduction must be 'none' or 'mean', however: {reduction=}")
        self.reduction = reduction
        # It follows from the arguments, so it stays out of state_dict(): a checkpoint cannot contradict them.
        self.register_buffer("matrix", matrix, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N], or their mean, of `logits` [N, K] and `targets` [N] or [N, K]."""
        if self.matrix.device != logits.device:  # once, for those who do not call .to(device) on a loss
            self.matrix = self.matrix.to(logits.device)
        losses = cross_entropy(logits, smooth(targets, self.matrix))
        return losses if self.reduction == "none" else losses.mean()

    def extra_repr(self) -> str:
        """Show the range of the smoothing in ``print(module)``."""
        eps = (1 - self.matrix.diagonal()) * len(self.matrix) / (len(self.matrix) - 1)
        return f"classes={len(eps)}, smoothing={float(eps.min()):.3g}..{float(eps.max()):.3g}"


class LabelSmoothing(_SmoothedCrossEntropy):
    """Cross-entropy under plain label smoothing.

    Unlike ``torch.nn.CrossEntropyLoss(label_smoothing=)`` it returns the losses of the samples by default, as the
    optimisers of `tailtune.optim.sam` want them.

    Args:
        num_classes: number of classes K.
        smoothing: eps, in [0, 1).
        reduction: ``"none"`` for losses [N], ``"mean"`` for their mean (divided by N).

    Raises:
        TailtuneError: what `smoothing_matrix` refuses, or an unknown reduction.
    """

    def __init__(self, num_classes: int, smoothing: float = 0.1, reduction: Reduction = "none") -> None:
        super().__init__(smoothing_matrix(num_classes, smoothing), reduction)


class ClassConditionalSmoothing(_SmoothedCrossEntropy):
    """Cross-entropy under class-conditional label smoothing: rare classes are smoothed more.

    The equation and the rules are those of `class_conditional_matrix`; an eps_i is at most 0.99 in every rule.

    Args:
        counts: training samples of each class [K], on any device.
        smoothing: eps, the smoothing of a class of average size, in [0, 1).
        rule: ``"inverse"`` or ``"printed"``.
        kappa: strength of the inverse rule; 0 is plain smoothing.
        cap: the largest ratio of eps_i to eps before normalising (inverse rule).
        reduction: ``"none"`` for losses [N], ``"mean"`` for their mean (divided by N).

    Raises:
        TailtuneError: what `class_conditional_matrix` refuses, or an unknown reduction.

    >>> loss = ClassConditionalSmoothing(counts=(900, 90, 10), smoothing=0.1)
    >>> loss(torch.randn(8, 3), torch.randint(3, (8,))).shape
    torch.Size([8])
    """

    def __init__(
        self,
        counts: ArrayLike | Tensor,
        smoothing: float = 0.1,
        rule: Rule = "inverse",
        kappa: float = 1.0,
        cap: float = 5.0,
        reduction: Reduction = "none",
    ) -> None:
        super().__init__(class_conditional_matrix(counts, smoothing, rule=rule, kappa=kappa, cap=cap), reduction)

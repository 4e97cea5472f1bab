"""Label smoothing as a target matrix: the same for every class, or more for some classes than for others."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss
from tailtune.losses.targets import check_targets, range_in_words
from tailtune.profile import Floats, Rule, per_class

LARGEST = 0.99  # the clamp of a class's smoothing: at 1 its targets would no longer say which class they are


def _matrix(smoothing: ArrayLike, num_classes: int) -> Floats:
    eps = np.broadcast_to(np.asarray(smoothing, dtype=np.float64), (num_classes,))
    return np.asarray(np.diag(1 - eps) + eps[:, None] / num_classes)


def _plain(num_classes: int, smoothing: float) -> Floats:
    if num_classes < 2:
        raise TailtuneError(f"smoothing needs two classes or more, however: {num_classes=}")
    if not 0 <= smoothing < 1:
        raise TailtuneError(f"smoothing must lie in [0, 1), however: {smoothing=}")
    return _matrix(smoothing, num_classes)


def _class_conditional(counts: Counts, smoothing: float, rule: Rule, kappa: float, cap: float) -> Floats:
    if rule == "official":
        raise TailtuneError("the official code has no class-conditional smoothing: choose rule='inverse' or 'printed'")
    if not 0 <= smoothing < 1:
        raise TailtuneError(f"smoothing must lie in [0, 1), however: {smoothing=}")
    eps = per_class(smoothing, read_counts(counts), rule=rule, kappa=kappa, cap=cap)
    return _matrix(np.minimum(eps, LARGEST), len(eps))


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
    return torch.from_numpy(_plain(num_classes, smoothing)).float()


def class_conditional_matrix(
    counts: Counts, smoothing: float = 0.1, rule: Rule = "inverse", kappa: float = 1.0, cap: float = 5.0
) -> Tensor:
    """Target matrix of class-conditional smoothing: row i is (1 - eps_i) 1[y = i] + eps_i / K.

    The eps_i come from `tailtune.profile.per_class`. With ``rule="inverse"`` rare classes are smoothed more and
    sum_i p_i eps_i = `smoothing`; ``"printed"`` is Equation 6 as printed, eps / (1 - p_i), by which frequent classes
    are smoothed more. In both, an eps_i above 0.99 becomes 0.99, so that every row keeps its class on top (the sum
    then falls short of `smoothing`).

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        smoothing: eps, the smoothing of a class of average size, in [0, 1).
        rule: ``"inverse"`` or ``"printed"``.
        kappa: strength of the inverse rule; 0 is plain smoothing.
        cap: the largest ratio of eps_i to eps before normalising (inverse rule).

    Returns:
        The matrix, float32 [K, K]; rows sum to 1.

    Raises:
        TailtuneError: ``rule="official"`` (the official code's multipliers n_max / n_i belong to SAM-A, it has no
            smoothing of this kind to reproduce), `smoothing` outside [0, 1), or what `read_counts` and `per_class`
            refuse.

    Source: "Simplifying Neural Network Training Under Class Imbalance", Equation 6.

    >>> class_conditional_matrix((75, 25), 0.2).diagonal().tolist()  # eps is 0.1333 and 0.4
    [0.9333333373069763, 0.800000011920929]
    """
    return torch.from_numpy(_class_conditional(counts, smoothing, rule, kappa, cap)).float()


def smooth(targets: Tensor, matrix: Tensor) -> Tensor:
    """Smooth targets by a target matrix: its rows for class indices, the product for soft targets.

    The product is linear, so that mixing one-hot rows (mixup, CutMix) and smoothing after is mixing smoothed rows.

    Args:
        targets: class indices, int64 [N], or distributions over the classes [N, K].
        matrix: target matrix [K, K], row i the distribution that class i is taught, on the device of the targets.

    Returns:
        Distributions over the classes [N, K] in the matrix's dtype.

    Raises:
        TailtuneError: a class index outside 0..K-1 (on the CPU), or what `tailtune.losses.targets.check_targets`
            refuses.

    >>> smooth(torch.tensor([1]), smoothing_matrix(2, 0.5)).tolist()
    [[0.25, 0.75]]
    """
    check_targets(targets, len(targets), len(matrix))
    with range_in_words(targets, len(matrix)):
        return smooth_checked(targets, matrix)


def smooth_checked(targets: Tensor, matrix: Tensor) -> Tensor:
    """Do what `smooth` does, with targets that have been checked."""
    if targets.ndim == 1:
        return matrix.index_select(0, targets)  # which, unlike [], takes no index from the end
    with torch.autocast(targets.device.type, enabled=False):  # which would round the targets to bf16
        return targets.to(matrix.dtype) @ matrix


class _SmoothedCrossEntropy(SampleLoss):
    matrix: Tensor

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        return of_checked(logits, smooth_checked(targets, self.matrix))

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
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: what `SampleLoss` or `smoothing_matrix` refuse.
    """

    def __init__(
        self,
        num_classes: int,
        smoothing: float = 0.1,
        reduction: Reduction = "none",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction, ignore_index, matrix=_plain(num_classes, smoothing))


class ClassConditionalSmoothing(_SmoothedCrossEntropy):
    """Cross-entropy under class-conditional label smoothing: rare classes are smoothed more.

    The equation and the rules are those of `class_conditional_matrix`; an eps_i is at most 0.99 in every rule.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        smoothing: eps, the smoothing of a class of average size, in [0, 1).
        rule: ``"inverse"`` or ``"printed"``.
        kappa: strength of the inverse rule; 0 is plain smoothing.
        cap: the largest ratio of eps_i to eps before normalising (inverse rule).
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: what `SampleLoss` or `class_conditional_matrix` refuse.

    >>> loss = ClassConditionalSmoothing(counts=(900, 90, 10), smoothing=0.1)
    >>> loss(torch.randn(8, 3), torch.randint(3, (8,))).shape
    torch.Size([8])
    """

    def __init__(
        self,
        counts: Counts,
        smoothing: float = 0.1,
        rule: Rule = "inverse",
        kappa: float = 1.0,
        cap: float = 5.0,
        reduction: Reduction = "none",
        ignore_index: int | None = None,
    ) -> None:
        matrix = _class_conditional(counts, smoothing, rule, kappa, cap)
        super().__init__(reduction, ignore_index, matrix=matrix)

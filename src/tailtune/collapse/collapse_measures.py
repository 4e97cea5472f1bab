"""Measures of neural collapse: how far the rows of a class have shrunk to one point, and where the points lie.

Sources: Papyan, Han and Donoho 2020, "Prevalence of neural collapse during the terminal phase of deep learning
training" (NC1 to NC4); Galanti, György and Hutter 2022, "On the role of neural collapse in transfer learning" (CDNV).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from tailtune.collapse.class_moments import ClassMoments
from tailtune.errors import TailtuneError


def cdnv(moments: ClassMoments) -> Tensor:
    """Return the class-distance normalised variance of each pair of classes [K, K], float64.

    For classes i and j with means m and variances v (mean squared distance to the mean) it is
    (v_i + v_j) / (2 ||m_i - m_j||^2). It is 0 where both classes are points, NaN on the diagonal and where a class has
    no rows.

    >>> means, variances = torch.tensor([[0.0], [4.0]]), torch.tensor([2.0, 6.0])
    >>> cdnv(ClassMoments(torch.tensor([5, 5]), means, variances))[0, 1].item()
    0.25
    """
    means, v = moments.means, moments.variances
    apart = torch.stack([(means - mean).square().sum(1) for mean in means])  # row by row: never [K, K, D] in memory
    found = (v[:, None] + v[None]) / (2 * apart)
    return found.fill_diagonal_(torch.nan)


def mean_cdnv(pairs: Tensor, minority: Iterable[int]) -> dict[str, float | None]:
    """Return the mean of `pairs` [K, K] over pairs of minority classes, of the other classes, of one of each, and all.

    None where there is no such pair.

    Args:
        pairs: of `cdnv`.
        minority: indices of the minority classes.
    """
    rare = torch.zeros(len(pairs), dtype=torch.bool)
    rare[list(minority)] = True
    upper = torch.ones_like(pairs, dtype=torch.bool).triu(1) & ~pairs.isnan()
    chosen = {
        "minority": rare[:, None] & rare[None],
        "majority": ~rare[:, None] & ~rare[None],
        "mixed": rare[:, None] ^ rare[None],
        "all": torch.ones_like(upper),
    }
    found = {name: pairs[(mask.to(upper.device) & upper)] for name, mask in chosen.items()}
    return {name: float(values.mean()) if len(values) else None for name, values in found.items()}


def simplex_deviation(means: Tensor) -> dict[str, float]:
    """Return how far class means [K, D] are from the vertices of a simplex about their centre (NC2).

    Returns:
        ``deviation``: ||G / ||G||_F - (I - 1 1' / K) / sqrt(K - 1)||_F for the inner products G of the centred means, 0
        for an equiangular tight frame; ``norms``: standard deviation of their lengths over the mean length;
        ``angles``: mean of |cos + 1 / (K - 1)| over pairs.

    Raises:
        TailtuneError: fewer than two means, or means that are all the same.

    >>> {name: round(value, 9) for name, value in simplex_deviation(torch.eye(4)).items()}
    {'deviation': 0.0, 'norms': 0.0, 'angles': 0.0}
    """
    centred = _centred(means)
    k = len(centred)
    products = centred @ centred.T
    ideal = (torch.eye(k, dtype=torch.float64, device=means.device) - 1 / k) / math.sqrt(k - 1)
    lengths = centred.norm(dim=1)
    cosines = products / (lengths[:, None] * lengths[None]).clamp_min(torch.finfo(torch.float64).tiny)
    off = ~torch.eye(k, dtype=torch.bool, device=means.device)
    return {
        "deviation": float((products / products.norm() - ideal).norm()),
        "norms": float(lengths.std(correction=0) / lengths.mean()),
        "angles": float((cosines[off] + 1 / (k - 1)).abs().mean()),
    }


def self_duality(weight: Tensor, means: Tensor) -> float:
    """Return ||W / ||W||_F - M / ||M||_F||_F^2 of head weights W and centred class means M, both [K, D] (NC3).

    It is 0 where each class's weights point along its mean, and 2 where they are at right angles to it.

    Raises:
        TailtuneError: shapes that differ, fewer than two means, or means that are all the same.
    """
    if weight.shape != means.shape:
        raise TailtuneError(
            f"weights and means must both be [K, D], however: {tuple(weight.shape)} and {tuple(means.shape)}"
        )
    centred, rows = _centred(means), weight.double()
    return float((rows / rows.norm() - centred / centred.norm()).square().sum())


@dataclass(frozen=True)
class SecondPass:
    """What takes the means of the training rows to find out about rows.

    Attributes:
        counts: rows of each class [K].
        nearest: share of each class's rows whose nearest class mean is that of their class [K]; NaN without rows.
        right: share of each class's rows whose largest logit is that of their class [K].
        agreement: share of each class's rows whose nearest class mean is that of the class of the largest logit [K].
        scatter: tr(S_k B^+) / K of each class [K]: its covariance S_k, about its own mean among the rows, measured by
            the covariance B of the class means. NC1 is the mean over the classes.
    """

    counts: Tensor
    nearest: Tensor
    right: Tensor
    agreement: Tensor
    scatter: Tensor

    @property
    def nc1(self) -> float:
        """tr(S_W B^+) / K, S_W the mean covariance of the classes that have rows, each class counted once."""
        return float(self.scatter[self.counts > 0].mean())

    def over(self, values: Tensor, classes: Iterable[int]) -> float | None:
        """Return the share over the rows of `classes` of shares `values` [K] by class; None without rows."""
        chosen = list(classes)
        counts = self.counts[chosen].double()
        if counts.sum() == 0:
            return None
        return float((values[chosen].nan_to_num() * counts).sum() / counts.sum())


def second_pass(
    batches: Iterable[tuple[Tensor, Tensor, Tensor]], reference: ClassMoments, own: ClassMoments
) -> SecondPass:
    """Compare rows with class means.

    Args:
        batches: features [B, D], logits [B, K] and class indices [B].
        reference: of the training rows, whose means are the centres.
        own: of the rows of `batches`, about whose means they scatter; of training rows the same.

    Raises:
        TailtuneError: fewer than two classes have means, or the means are all the same.
    """
    k, device = len(reference.counts), reference.means.device
    present = reference.present
    centres = reference.means[present]
    scale = _whitening(centres)
    nearest, right, agreement, scatter = (torch.zeros(k, dtype=torch.float64, device=device) for _ in range(4))
    for features, logits, targets in batches:
        rows, index = features.double(), targets.to(features.device)
        # ||f||^2 is the same for every centre; taking off the middle first keeps the digits
        middle = centres.mean(0)
        shifted = centres - middle
        found = present[(2 * (rows - middle) @ shifted.T - shifted.square().sum(1)).argmax(1)]
        nearest.index_add_(0, index, (found == index).double())
        answers = logits.argmax(1)
        right.index_add_(0, index, (answers == index).double())
        agreement.index_add_(0, index, (found == answers).double())
        scatter.index_add_(0, index, ((rows - own.means[index]) @ scale).square().sum(1))
    counts = own.counts.double()
    share = [values / counts for values in (nearest, right, agreement, scatter / len(present))]  # 0 / 0 is NaN: no rows
    return SecondPass(own.counts, *share)


def _centred(means: Tensor) -> Tensor:
    rows = means.double()
    if len(rows) < 2:
        raise TailtuneError(f"collapse takes class means of two classes or more, however: {len(rows)}")
    centred = rows - rows.mean(0)
    if not centred.norm() > 0:
        raise TailtuneError("all class means are the same point, or not numbers: the layer tells no classes apart")
    return centred


def _whitening(means: Tensor) -> Tensor:
    """Return [D, R] such that its product with itself is the pseudo-inverse of the covariance of the means [K, D]."""
    centred = _centred(means) / math.sqrt(len(means))
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    kept = values > values[0] * max(centred.shape) * torch.finfo(torch.float64).eps
    found: Tensor = directions[kept].T / values[kept]
    return found

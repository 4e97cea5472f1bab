"""How the classes of a data set are distributed: the one thing every imbalance method needs to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

Rule = Literal["inverse", "printed", "official"]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

MANY, FEW = 100, 20  # the literature's thresholds: many > 100, medium 20..100, few < 20 (Liu et al. 2019)


@dataclass(frozen=True)
class ClassProfile:
    """Class counts and everything that follows from them.

    Args:
        counts: number of training samples of each class, in class order [K].
        names: the classes' names [K]; their indices as text when left out.
        mass: sum of the weights of the training samples of each class [K]; None where all samples count alike.
        positive: index of the one of two classes that is to be found, which then stands for the rarest classes whatever
            its count; None for the rarer one.

    Raises:
        TailtuneError: fewer than two classes, a negative count, no samples, or names of another length.

    >>> profile = ClassProfile((90, 10))
    >>> profile.ratio, profile.priors.tolist()
    (0.1111111111111111, [0.9, 0.1])
    """

    counts: tuple[int, ...]
    names: tuple[str, ...] = ()
    mass: tuple[float, ...] | None = None
    positive: int | None = None

    def __post_init__(self) -> None:
        counts = tuple(int(count) for count in self.counts)
        names = tuple(self.names) or tuple(str(k) for k in range(len(counts)))
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "names", names)
        if len(counts) < 2:
            raise TailtuneError(
                f"a classifier needs two classes or more, however: {counts=}; add samples of another class"
            )
        if min(counts) < 0 or sum(counts) == 0:
            raise TailtuneError(f"class counts must be zero or more with at least one sample, however: {counts=}")
        if len(names) != len(counts):
            raise TailtuneError(f"{len(counts)} classes need {len(counts)} names, however: {names=}")

    @classmethod
    def from_targets(cls, targets: Any, num_classes: int | None = None, names: Sequence[str] = ()) -> ClassProfile:
        """Count the class indices `targets` [N] (a NumPy array, a list or a torch tensor on the CPU).

        Raises:
            TailtuneError: targets that are not one list of class indices from 0 on, or an index past `num_classes`.
        """
        indices = np.asarray(targets)
        if indices.ndim != 1 or indices.size == 0 or not np.issubdtype(indices.dtype, np.integer):
            raise TailtuneError(
                f"targets must be class indices of shape [N], however: shape {indices.shape}, dtype {indices.dtype}"
            )
        if indices.min() < 0:
            raise TailtuneError(f"class indices start at 0, however: the smallest target is {indices.min()}")
        if num_classes is not None and indices.max() >= num_classes:
            raise TailtuneError(
                f"target {indices.max()} does not exist among {num_classes} classes (0..{num_classes - 1})"
            )
        return cls(tuple(np.bincount(indices, minlength=num_classes or 0).tolist()), tuple(names))

    @property
    def num_classes(self) -> int:
        """Number of classes K, the empty ones included."""
        return len(self.counts)

    @property
    def total(self) -> int:
        """Number of samples N."""
        return sum(self.counts)

    @property
    def priors(self) -> Floats:
        """Proportion p_k = n_k / N of each class [K]."""
        return np.asarray(self.counts, dtype=np.float64) / self.total

    @property
    def ratio(self) -> float:
        """Imbalance ratio r: samples of the rarest class over samples of the most frequent; 1 if balanced."""
        return min(self.counts) / max(self.counts)

    @property
    def balance(self) -> float:
        """Shannon entropy of the priors over log K: 1 for balanced classes, towards 0 as one class takes all."""
        p = self.priors[self.priors > 0]
        return float(-(p * np.log(p)).sum() / math.log(self.num_classes)) + 0.0

    def effective_number(self, beta: float = 0.9999) -> Floats:
        """Effective number of samples (1 - beta^n) / (1 - beta) of each class [K] (Cui et al. 2019).

        Raises:
            TailtuneError: `beta` outside [0, 1).
        """
        if not 0 <= beta < 1:
            raise TailtuneError(f"beta must lie in [0, 1), however: {beta=}")
        return np.asarray((1 - beta ** np.asarray(self.counts, dtype=np.float64)) / (1 - beta))

    @property
    def by_size(self) -> Indices:
        """Indices of the classes, largest first; of two the one that is to be found, if that is said, is last."""
        if self.positive is not None and self.num_classes == 2:
            return np.array([1 - self.positive, self.positive])
        return np.argsort(-np.asarray(self.counts), kind="stable")

    @property
    def head(self) -> Indices:
        """Indices of the most frequent 20 % of the classes (at least one), largest first: the papers' majority."""
        return self.by_size[: max(1, round(0.2 * self.num_classes))]

    @property
    def tail(self) -> Indices:
        """Indices of the rarest 20 % of the classes (at least one), rarest last: the papers' minority."""
        return self.by_size[-max(1, round(0.2 * self.num_classes)) :]

    @property
    def many(self) -> Indices:
        """Indices of the classes with more than 100 samples."""
        return np.flatnonzero(np.asarray(self.counts) > MANY)

    @property
    def medium(self) -> Indices:
        """Indices of the classes with 20 to 100 samples."""
        counts = np.asarray(self.counts)
        return np.flatnonzero((counts >= FEW) & (counts <= MANY))

    @property
    def few(self) -> Indices:
        """Indices of the classes with fewer than 20 samples."""
        return np.flatnonzero(np.asarray(self.counts) < FEW)


def per_class(scale: float, counts: ArrayLike, rule: Rule = "inverse", kappa: float = 1.0, cap: float = 5.0) -> Floats:
    """Spread one value over the classes: SAM-A's ascent radii rho_k and the smoothing eps_k are such values.

    With p_k = n_k / N and pbar = 1 / K over the classes:

    - ``"inverse"`` (default, what the paper's prose describes: rarer classes get more):
      scale * min((pbar / p_k)^kappa, cap), then multiplied so that sum_k p_k value_k = scale.
    - ``"printed"`` (Equations 5 and 6 as printed): scale / (1 - p_k), by which the most frequent class gets most.
    - ``"official"`` (the official code's class weights n_max / n_k): scale * n_max / n_k.

    An empty class counts as one sample.

    Args:
        scale: the value that a class would get if all classes were equally frequent.
        counts: samples of each class [K].
        rule: which formula, see above.
        kappa: strength of the inverse rule; 0 gives every class `scale`.
        cap: the largest (pbar / p_k)^kappa before normalising, so that a class of one sample is not drowned.

    Returns:
        One value a class, float64 [K].

    Raises:
        TailtuneError: an unknown rule, a negative scale or kappa, or a cap under 1.

    Source: "Simplifying Neural Network Training Under Class Imbalance", appendices A.6 and A.7.

    >>> per_class(0.1, (50, 50)).tolist()
    [0.1, 0.1]
    """
    if rule not in ("inverse", "printed", "official"):
        raise TailtuneError(f"rule must be 'inverse', 'printed' or 'official', however: {rule=}")
    if scale < 0 or kappa < 0 or cap < 1:
        raise TailtuneError(f"scale and kappa must be 0 or more and cap 1 or more, however: {scale=}, {kappa=}, {cap=}")
    n = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    if n.ndim != 1 or len(n) < 2:
        raise TailtuneError(f"counts must have shape [K] with K of 2 or more, however: shape {n.shape}")
    p = n / n.sum()
    if rule == "printed":
        return np.asarray(scale / (1 - p))
    if rule == "official":
        return np.asarray(scale * n.max() / n)
    spread = np.minimum((1 / len(n) / p) ** kappa, cap)
    return np.asarray(scale * spread / (p * spread).sum())

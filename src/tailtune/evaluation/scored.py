"""`Scored`: held-out rows with what was predicted, and all that measures read from them, computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation import weighted
from tailtune.evaluation.ranking import auroc, average_precision
from tailtune.evaluation.weighted import GroupSums, Statistic
from tailtune.profile import ClassProfile

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)  # the log loss clips here, as scikit-learn's does


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions on held-out rows; `scored` checks them.

    Attributes:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution and names of the training rows.
        chosen: the class that each row was given [N]; None for the most probable one (the first, if tied).
        weights: how much each row counts [N], 0 or more; None where all count alike.
    """

    targets: Indices
    probabilities: Floats
    profile: ClassProfile
    chosen: Indices | None = None
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def predicted(self) -> Indices:
        """Predicted class of each row [N]."""
        return np.asarray(self.probabilities.argmax(axis=1)) if self.chosen is None else self.chosen

    @cached_property
    def confusion(self) -> Indices:
        """Counts [K, K], the truth by row; each row counts once, whatever its weight."""
        K = self.profile.num_classes
        return np.bincount(self.targets * K + self.predicted, minlength=K * K).reshape(K, K)

    @cached_property
    def mass(self) -> Indices | Floats:
        """The same with each row counting by its weight [K, K]; counts where all rows count alike."""
        if self.weights is None:
            return self.confusion
        K = self.profile.num_classes
        return np.bincount(self.targets * K + self.predicted, self.weights, minlength=K * K).reshape(K, K)

    @cached_property
    def total(self) -> float:
        """The weight of all rows; their number where all count alike."""
        return float(len(self) if self.weights is None else self.weights.sum())

    @property
    def hits(self) -> Indices | Floats:
        """Weight of the rows of each class that were given it [K]."""
        return self.mass.diagonal()

    @cached_property
    def support(self) -> Indices | Floats:
        """Weight of the rows of each class [K]."""
        return np.asarray(self.mass.sum(axis=1))

    @cached_property
    def answers(self) -> Indices | Floats:
        """Weight of the rows that were given each class [K]."""
        return np.asarray(self.mass.sum(axis=0))

    @cached_property
    def present(self) -> Indices:
        """Indices of the classes with rows that count."""
        return np.flatnonzero(self.support)

    @cached_property
    def row_losses(self) -> Floats:
        """Log loss -log p of the true class of each row [N], in nats, with p no smaller than 2.2e-16."""
        true = self.probabilities[np.arange(len(self)), self.targets]
        return -np.log(np.maximum(true, SMALLEST_PROBABILITY))

    @cached_property
    def roc_areas(self) -> list[float | None]:
        """ROC area of each class against the others [K]; None where one of the two sides has no rows."""
        if self.weights is not None:
            return self._areas(weighted.roc_area, of_two=True)
        return [auroc(self.probabilities[:, k], self.targets == k) for k in range(self.profile.num_classes)]

    @cached_property
    def average_precisions(self) -> list[float | None]:
        """Average precision of each class [K]; None of a class without rows."""
        if self.weights is not None:
            return self._areas(weighted.average_precision)
        return [average_precision(self.probabilities[:, k], self.targets == k) for k in range(self.profile.num_classes)]

    def _areas(self, area: Callable[[Floats, Booleans, Floats], Statistic], of_two: bool = False) -> list[float | None]:
        """An area of each class [K] by the weights of the rows; None where it, or of `of_two` sides one, has none."""
        assert self.weights is not None
        found: list[float | None] = [None] * self.profile.num_classes
        for k in self.present.tolist() if not of_two or len(self.present) > 1 else []:
            weights = self.weights[:, None]
            found[k] = float(area(self.probabilities[:, k], self.targets == k, self.weights)(weights)[0])
        return found

    def accuracy_of(self, classes: Indices) -> float | None:
        """Share of right predictions among the rows of `classes`; None where no row belongs to them."""
        rows = self.support[classes].sum()
        return float(self.hits[classes].sum() / rows) if rows else None

    # what resampling needs, as functions of row weights whose sum within each class is the class's support

    def by_class(self) -> Scored:
        """Return the same rows in the order of their classes."""
        return self.take(np.argsort(self.targets, kind="stable"))

    def take(self, rows: Indices) -> Scored:
        """Return some of the rows, by index; one may be taken several times."""
        chosen = None if self.chosen is None else self.chosen[rows]
        weights = None if self.weights is None else self.weights[rows]
        return Scored(self.targets[rows], self.probabilities[rows], self.profile, chosen, weights)

    @cached_property
    def hits_of(self) -> GroupSums:
        """`hits` [K, r] of row weights [N, r]."""
        right = np.flatnonzero(self.predicted == self.targets)
        return GroupSums(right, self.targets[right], self.profile.num_classes)

    @cached_property
    def answers_of(self) -> GroupSums:
        """`answers` [K, r] of row weights [N, r]."""
        return GroupSums(np.arange(len(self)), self.predicted, self.profile.num_classes)

    @cached_property
    def average_precisions_of(self) -> dict[int, Statistic]:
        """`average_precisions` of the classes with rows."""
        return {
            int(k): weighted.average_precision(self.probabilities[:, k], self.targets == k, self.weights)
            for k in self.present
        }

    def resampled_accuracy_of(self, classes: Indices) -> Statistic | None:
        """`accuracy_of`; None where no row belongs to the classes."""
        rows = float(self.support[classes].sum())
        return (lambda weights: self.hits_of(weights)[classes].sum(axis=0) / rows) if rows else None


def scored(
    targets: ArrayLike,
    probabilities: ArrayLike,
    profile: ClassProfile,
    answers: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Scored:
    """Check predictions and put them together.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution and names of the training rows.
        answers: class index that each row was given [N]; by default the most probable class (the first, if tied).
        weights: how much each row counts [N]; by default all count alike.

    Raises:
        TailtuneError: no rows, shapes that do not fit, an index outside 0..K-1, NaN or infinity, an entry outside
            0..1, a row that does not sum to 1 within 0.001, or weights that are negative, not finite or all 0.
    """
    num_classes = profile.num_classes
    y, p = np.asarray(targets), np.asarray(probabilities, dtype=np.float64)
    if y.ndim != 1 or len(y) == 0 or not np.issubdtype(y.dtype, np.integer):
        raise TailtuneError(f"targets must be class indices of shape [N], however: shape {y.shape}, dtype {y.dtype}")
    if p.shape != (len(y), num_classes):
        raise TailtuneError(f"probabilities must have shape {(len(y), num_classes)}, however: shape {p.shape}")
    if y.min() < 0 or y.max() >= num_classes:
        raise TailtuneError(f"targets must lie in 0..{num_classes - 1}, however: they span {y.min()}..{y.max()}")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise TailtuneError(f"probabilities must be finite, however: row {row} holds {p[row].tolist()[:8]}")
    wrong = np.flatnonzero((p.min(axis=1) < -1e-6) | (np.abs(p.sum(axis=1) - 1) > 1e-3))
    if len(wrong):
        row = int(wrong[0])
        raise TailtuneError(
            f"rows of probabilities must be 0 or more and sum to 1, however: row {row} sums to {p[row].sum():.6g} with "
            f"smallest entry {p[row].min():.6g}; apply a softmax to logits first"
        )
    chosen = None if answers is None else np.asarray(answers, dtype=np.int64)
    if chosen is not None and (chosen.shape != y.shape or chosen.min() < 0 or chosen.max() >= num_classes):
        raise TailtuneError(
            f"answers must be class indices in 0..{num_classes - 1}, one a row, however: {chosen.tolist()[:8]}"
        )
    counting = None if weights is None else np.asarray(weights, dtype=np.float64)
    if counting is not None and (
        counting.shape != y.shape or not np.isfinite(counting).all() or counting.min() < 0 or not counting.any()
    ):
        raise TailtuneError(
            f"weights must be finite numbers of 0 or more, one a row and not all 0, however: {counting.tolist()[:8]}"
        )
    return Scored(y.astype(np.int64), np.clip(p, 0.0, 1.0), profile, chosen, counting)


def rarer_class(profile: ClassProfile) -> int:
    """Index of the class with the fewest training samples; the last of them where several tie."""
    return int(profile.tail[-1])

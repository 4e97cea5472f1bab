"""Extremely randomised trees: the mean of many deep trees whose thresholds are drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.models.classical.library import (
    OF_STAGES,
    ORDINARY,
    Boosting,
    Floats,
    check_columns,
    check_widths,
    feature_table,
    from_arrays,
    packed_arrays,
    torch_threads,
    with_missing_columns,
)

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Part

LABEL = "ExtraTrees"
TAKES = OF_STAGES
WEIGHS_CLASSES = False  # a leaf of one class keeps its probability of 1, whatever its rows weigh
LOOKS_AT_CLOCK = True
SETTINGS: Mapping[str, Any] = {
    "trees": 300,
    "max_features": "sqrt",
    "min_samples_leaf": 1,
}  # the smallest leaf is larger in large tables
AT_ONCE = 20  # trees that are grown before the clock is looked at, at most
NODES = 10_000_000  # of the forest, which is 180 MB for two classes: larger tables get larger leaves instead
VALUES = 100_000_000  # of the forest, one for each node and class, which is 400 MB: many classes get larger leaves, too
MOST_ROWS = 100_000  # that a tree sees, drawn anew for each: the time and the size of a forest then grow no further
CHUNK = 4096  # rows that go down a tree at a time, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class ExtraTrees:
    """A fitted forest, as arrays over all nodes M of all trees.

    Attributes:
        roots: first node of each tree [T].
        feature: column that a node splits on [M]; -1 at a leaf.
        threshold: values up to it go left [M]. A missing number goes right.
        left, right: nodes below [M].
        value: class probabilities of a node [M, K].
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    numeric: int
    categorical: int

    @property
    def rounds(self) -> int:
        """Trees."""
        return len(self.roots)

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]): the mean over the trees.

        Another number of columns than in training is a TailtuneError.
        """
        check_widths(inputs, self.numeric, self.categorical)
        rows = feature_table(inputs)
        parts = [self._of(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
        return np.concatenate([np.zeros((0, self.value.shape[1])), *parts])

    def _of(self, rows: NDArray[np.float32]) -> Floats:
        total = np.zeros((len(rows), self.value.shape[1]))
        for root in self.roots:
            nodes = np.full(len(rows), root, dtype=np.int64)
            inside = np.flatnonzero(self.feature[nodes] >= 0)  # rows that have not reached a leaf
            while len(inside):
                at = nodes[inside]
                goes_left = rows[inside, self.feature[at]] <= self.threshold[at]
                nodes[inside] = np.where(goes_left, self.left[at], self.right[at])
                inside = inside[self.feature[nodes[inside]] >= 0]
            total += self.value[nodes]
        return total / len(self.roots)

    def to_bytes(self) -> bytes:
        """Return the arrays as an .npz file."""
        return packed_arrays(vars(self))


def from_bytes(content: bytes) -> ExtraTrees:
    """Read what `ExtraTrees.to_bytes` returned.

    Raises:
        TailtuneError: anything else.
    """
    return from_arrays(
        content,
        lambda held: ExtraTrees(**held | {name: int(held[name]) for name in ("numeric", "categorical")}),
    )


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> ExtraTrees:
    """Grow trees on the training rows, with codes of categories taken as numbers; see `Library.fit`.

    Of more than 100,000 rows, each tree sees so many, drawn for it.

    `val` is not looked at. A table without columns is a TailtuneError.

    Source: Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 2006.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    numeric, categorical = check_columns(shape)
    rows = feature_table(train.tensors(LABEL))
    seen, chosen = min(len(rows), MOST_ROWS), settings or SETTINGS
    nodes = min(NODES, VALUES // num_classes)
    forest = ExtraTreesClassifier(
        min(AT_ONCE if boosting.until is None else boosting.threads or torch_threads(), chosen["trees"]),
        max_features=chosen["max_features"],
        min_samples_leaf=max(chosen["min_samples_leaf"], 1 + 2 * seen * chosen["trees"] // nodes),
        bootstrap=seen < len(rows),
        max_samples=seen if seen < len(rows) else None,
        n_jobs=boosting.threads or torch_threads(),
        random_state=seed,
        warm_start=True,
    )
    while True:
        forest.fit(rows, train.targets.numpy(), None if row_weights is None else row_weights[0])
        if forest.n_estimators >= chosen["trees"] or boosting.over:
            return _arrays(forest, num_classes, numeric, categorical)
        grown = forest.n_estimators
        forest.n_estimators = min(grown + min(grown, AT_ONCE), chosen["trees"])


def _arrays(forest: Any, num_classes: int, numeric: int, categorical: int) -> ExtraTrees:
    """The forest of scikit-learn as arrays, in which a node is numbered through all trees."""
    trees = [tree.tree_ for tree in forest.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1].astype(np.int32)

    def joined(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees]).astype(dtype)

    def below(name: str) -> NDArray[np.int32]:
        parts = [getattr(tree, name) + root for tree, root in zip(trees, roots, strict=True)]
        return np.concatenate(parts).astype(np.int32)

    def rounded_down(thresholds: Floats) -> NDArray[np.float32]:
        """So that a float32 value is at most the rounded threshold exactly where it is at most the threshold."""
        near = thresholds.astype(np.float32)
        return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)

    values = np.concatenate([tree.value[:, 0, :] for tree in trees])
    shares = values / values.sum(axis=1, keepdims=True)
    return ExtraTrees(
        roots,
        np.maximum(joined("feature", np.int64), -1).astype(np.int16 if numeric + categorical < 2**15 else np.int32),
        rounded_down(joined("threshold", np.float64)),
        below("children_left"),
        below("children_right"),
        with_missing_columns(shares, forest.classes_.astype(np.int64), num_classes).astype(np.float32),
        numeric,
        categorical,
    )

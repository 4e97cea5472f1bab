"""Arguments of the estimators in scikit-learn's and the boosting libraries' forms, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


def class_weights(asked: ClassWeight, classes: NDArray[Any], codes: NDArray[np.int64]) -> tuple[float, ...] | None:
    """Return the weight of each class [K], None for equal ones.

    Args:
        asked: "balanced" for N / (K n_k), or weights by label, 1 where there is none, as scikit-learn has it.
        classes: labels [K].
        codes: class index of each training row [N].

    Raises:
        TailtuneError: another word, a label that is no class, or a weight that is not positive.
    """
    if asked is None:
        return None
    if isinstance(asked, str):
        if asked != "balanced":
            raise TailtuneError(f"class_weight must be 'balanced', weights by label or None, however: {asked!r}")
        counts = np.maximum(np.bincount(codes, minlength=len(classes)), 1)
        return tuple((len(codes) / (len(classes) * counts)).tolist())
    labels = classes.tolist()
    for label, weight in asked.items():
        if label not in labels:
            listed = ", ".join(repr(known) for known in labels[:10])
            raise TailtuneError(f"class_weight has the label {label!r}, which is no class of y; its classes: {listed}")
        if not 0 < weight < np.inf:
            raise TailtuneError(f"class_weight must be positive numbers, however: {weight!r} for {label!r}")
    return tuple(float(asked.get(label, 1.0)) for label in labels)


def one_pair(eval_set: Any) -> tuple[Any, Any]:
    """Return X and y of an `eval_set`: a pair, or a list of one pair.

    Raises:
        TailtuneError: anything else.
    """
    pairs = [eval_set] if isinstance(eval_set, tuple) else eval_set
    if not isinstance(pairs, list) or len(pairs) != 1 or not isinstance(pairs[0], tuple) or len(pairs[0]) != 2:
        raise TailtuneError("eval_set must be (X, y) or [(X, y)]; one set decides, so give no more than one")
    return pairs[0]


def group_names(groups: ArrayLike, rows: int) -> NDArray[np.str_]:
    """Return the group of each row [N] as text.

    Raises:
        TailtuneError: another number of groups than of rows, or a missing one.
    """
    array = np.asarray(groups)
    if array.shape != (rows,):
        raise TailtuneError(f"groups must be one a row, of shape ({rows},), however: {array.shape}")
    values = array.tolist()
    if any(value is None or value != value for value in values):
        raise TailtuneError("groups has missing values; give a row that belongs to no group a value of its own")
    return np.array([str(value) for value in values], dtype=np.str_)

"""Macro F1 of weighted rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailtune.profile import Floats

Indices = NDArray[np.int64]


def macro_f1(targets: Indices, answers: Indices, weights: Floats, num_classes: int) -> float:
    """Return the mean over the classes of F1 = 2 hits / (rows + answers), of weighted rows.

    Args:
        targets: class indices [N].
        answers: class indices [N].
        weights: of the rows [N].
        num_classes: K; classes without rows are left out of the mean.
    """

    def totals(of: Indices, rows: Floats) -> Floats:
        return np.bincount(of, weights=rows, minlength=num_classes).astype(np.float64)

    hits = totals(targets, weights * (targets == answers))
    support, answered = totals(targets, weights), totals(answers, weights)
    present = support > 0
    return float((2 * hits[present] / (support[present] + answered[present])).mean())

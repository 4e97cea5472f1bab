"""Class counts as every loss and SAM-A read them: checked, on the CPU, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile, Floats

Counts = ArrayLike | Tensor | ClassProfile


def read_counts(counts: Counts) -> Floats:
    """Return class counts as float64 [K], empty classes as 0.

    Args:
        counts: training samples of each class [K], on any device, or the `ClassProfile` that holds them.

    Raises:
        TailtuneError: another shape than [K] with K of 2 or more, a negative or non-finite count, or no samples.

    >>> read_counts((90, 10)).tolist()
    [90.0, 10.0]
    """
    if isinstance(counts, ClassProfile):
        counts = counts.counts
    n = np.asarray(counts.detach().cpu() if isinstance(counts, Tensor) else counts)
    if n.ndim != 1 or len(n) < 2 or n.dtype.kind not in "iuf":
        raise TailtuneError(
            f"counts must be a number of samples for each class, [K] with K of 2 or more, however: {n.dtype} of shape "
            f"{n.shape}"
        )
    n = n.astype(np.float64)
    if not np.isfinite(n).all() or n.min() < 0 or n.sum() == 0:
        raise TailtuneError(f"counts must be zero or more with at least one sample, however: counts={n.tolist()}")
    return n


def log_priors(counts: Counts) -> Floats:
    """Log of the class proportions, log pi_k [K], where an empty class counts as one sample so that all are finite.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.

    Raises:
        TailtuneError: what `read_counts` refuses.

    >>> np.exp(log_priors((90, 9, 0))).round(2).tolist()
    [0.9, 0.09, 0.01]
    """
    n = np.maximum(read_counts(counts), 1.0)
    return np.asarray(np.log(n / n.sum()))

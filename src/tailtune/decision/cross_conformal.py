"""Sets of classes that hold the true one, where each row was held out from one of several models in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.decision.checked_arrays import read_classes, read_names, read_probabilities
from tailtune.decision.conformal import ROUNDING, lacking, rows_needed
from tailtune.errors import TailtuneError
from tailtune.profile import Floats, Indices


@dataclass(frozen=True, eq=False)
class CrossConformalSets:
    """For each row, the classes for which it is no stranger than enough of the class's own rows.

    Attributes:
        scores: 1 - p_y of each labelled row i, of the model that did not see its fold [M].
        targets: class indices [M].
        folds: which fold that is, from 0 to F - 1 [M].
        coverage: share of the rows of each class whose set should hold the class.
        names: of the classes [K].
    """

    scores: Floats
    targets: Indices
    folds: Indices
    coverage: float
    names: tuple[str, ...]

    def __call__(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each class is in the row's set, [N, K], for the probabilities of each fold's model [F, N, K].

        Raises:
            TailtuneError: another number of folds or classes, or no probabilities.
        """
        p = np.asarray(probabilities, dtype=np.float64)
        known = (int(self.folds.max(initial=-1)) + 1, len(self.names))
        if p.ndim != 3 or (p.shape[0], p.shape[2]) != known:
            raise TailtuneError(f"the sets are of {known[0]} folds and {known[1]} classes, however: {p.shape}")
        inside = np.ones(p.shape[1:], dtype=np.bool_)
        for k, n in enumerate(self.calibration_rows.tolist()):
            if n < rows_needed(self.coverage):
                continue
            stranger = np.zeros(p.shape[1])  # rows of the class at least as strange as the new one is to their model
            for f, by_model in enumerate(p):
                own = np.sort(self.scores[(self.targets == k) & (self.folds == f)])
                stranger += len(own) - np.searchsorted(own, 1 - by_model[:, k], side="left")
            inside[:, k] = stranger + 1 > (1 - self.coverage) * (n + 1) + ROUNDING
        return inside

    @property
    def calibration_rows(self) -> Indices:
        """Labelled rows of each class [K]."""
        return np.bincount(self.targets, minlength=len(self.names))

    @property
    def note(self) -> str:
        """What cannot be promised and the rows that it would take, in words; empty where all classes are covered."""
        return lacking(self.coverage, self.calibration_rows, self.names)


def fit_cross_conformal(
    probabilities: ArrayLike,
    targets: ArrayLike,
    folds: ArrayLike,
    coverage: float = 0.9,
    *,
    names: Sequence[str] = (),
) -> CrossConformalSets:
    """Make sets of classes by rows that one of several models each did not see.

    With s_i = 1 - p_y(x_i) by the model that did not see the fold f(i) of row i, and s(x, k, f) = 1 - p_k(x) by that of
    fold f, class k is in the set of a new row x if

        1 + #{i of class k: s_i >= s(x, k, f(i))} > (1 - coverage) (n_k + 1)

    so that each labelled row is compared with the new one as the same model sees both. A new row of class k,
    exchangeable with the labelled rows of class k, then has the class in its set with a probability of at least
    1 - 2 (1 - coverage) up to a term of the order of the folds over the rows, and in practice of about `coverage`:
    the lower bound needs models that change wildly with their rows. With one fold, these are the sets of
    `fit_conformal`. A class of fewer rows than `rows_needed` is in every set.

    Args:
        probabilities: of each row, by the model that did not see it [M, K].
        targets: class indices [M].
        folds: of the rows, from 0 to F - 1 [M].
        coverage: between 0 and 1, for each class.
        names: of the classes [K]; their indices by default.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, a coverage outside 0..1, or folds of other rows.

    Source: Romano, Sesia & Candès 2020, "Classification with Valid and Adaptive Coverage", Section 3 (CV+, here by
    class); Barber, Candès, Ramdas & Tibshirani 2021, "Predictive inference with the jackknife+".

    >>> sets = fit_cross_conformal([[0.8, 0.2], [0.7, 0.3], [0.4, 0.6]], [0, 0, 1], [0, 1, 1], coverage=0.6)
    >>> sets([[[0.75, 0.25], [0.6, 0.4]], [[0.75, 0.25], [0.6, 0.4]]]).tolist()
    [[True, True], [False, True]]
    """
    if not 0 < coverage < 1:
        raise TailtuneError(f"coverage must lie between 0 and 1, however: {coverage=}")
    p = read_probabilities(probabilities)
    y, fold = read_classes(targets, p.shape), np.asarray(folds)
    if fold.shape != y.shape or fold.dtype.kind not in "iu" or fold.min(initial=0) < 0:
        raise TailtuneError(f"folds must be numbers from 0 of the {len(y)} rows, however: {fold.shape}, {fold.dtype}")
    scores = 1 - p[np.arange(len(y)), y]
    return CrossConformalSets(scores, y, fold.astype(np.int64), coverage, read_names(names, p.shape[1]))

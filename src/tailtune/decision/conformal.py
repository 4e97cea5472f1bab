"""Sets of classes that hold the true one as often as was asked for, class by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.decision.checked_arrays import read_classes, read_names, read_probabilities
from tailtune.errors import TailtuneError
from tailtune.profile import Floats, Indices
from tailtune.words import counted, listed, quoted

ROUNDING = 1e-9  # 0.9 / (1 - 0.9) is a little over 9


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """For each row, the classes k with 1 - p_k at or below the class's threshold.

    Attributes:
        thresholds: largest score 1 - p_k with which a class is in the set [K]; infinite for a class without guarantee,
            which is in every set.
        coverage: share of the rows of each class whose set holds the class.
        calibration_rows: rows n_k of each class that the thresholds were found on [K].
        names: of the classes [K].
    """

    thresholds: Floats
    coverage: float
    calibration_rows: Indices
    names: tuple[str, ...]

    def __call__(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each class is in the row's set, [N, K], for probabilities [N, K].

        A set may be empty: the row is unlike the calibration rows of every class.

        Raises:
            TailtuneError: no probabilities, or another number of classes.
        """
        p = read_probabilities(probabilities)
        if p.shape[1] != len(self.thresholds):
            raise TailtuneError(f"the sets are of {len(self.thresholds)} classes, however: {p.shape[1]} classes")
        return np.asarray(1 - p <= self.thresholds)

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Names of the classes with too few calibration rows for a guarantee."""
        return tuple(self.names[k] for k in np.flatnonzero(np.isinf(self.thresholds)))

    @property
    def note(self) -> str:
        """What cannot be promised and the rows that it would take, in words; empty where all classes are covered."""
        return lacking(self.coverage, self.calibration_rows, self.names)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings ready for JSON and named arrays; `from_state` is the inverse."""
        settings = {"kind": "conformal", "coverage": self.coverage, "names": list(self.names)}
        return settings, {"thresholds": self.thresholds, "calibration_rows": self.calibration_rows}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ConformalSets:
        """Restore what `state` returned.

        Raises:
            TailtuneError: the state of something else.
        """
        if settings.get("kind") != "conformal":
            raise TailtuneError(f"this is not the state of conformal sets, but of kind {settings.get('kind')!r}")
        thresholds, rows = np.asarray(arrays["thresholds"]), np.asarray(arrays["calibration_rows"])
        return cls(thresholds, float(settings["coverage"]), rows, tuple(settings["names"]))


def fit_conformal(
    probabilities: ArrayLike, targets: ArrayLike, coverage: float = 0.9, *, names: Sequence[str] = ()
) -> ConformalSets:
    """Find each class's threshold on labelled rows, so that its sets hold the true class as often as asked for.

    The score of a row is 1 - p_y. A class's threshold is its ceil((n_k + 1) coverage)-th smallest score. A new row of
    class k, exchangeable with the calibration rows of class k, has the class in its set with a probability of at least
    `coverage`, whatever the model and however frequent the classes are in use. With fewer rows than that rank there is
    no such score, and the class is put into every set.

    The probability is over the calibration rows too: on given ones, the coverage of class k scatters as a Beta
    distribution of parameters r and n_k + 1 - r, with r that rank.

    Args:
        probabilities: of rows that the model was not trained on [N, K].
        targets: their class indices [N].
        coverage: between 0 and 1, for each class.
        names: of the classes [K]; their indices by default.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, or a coverage outside 0..1.

    Source: Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World", Section 4.5 (Mondrian, here by
    class); Sadinle, Lei & Wasserman 2019, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels".

    >>> sets = fit_conformal([[0.8, 0.2], [0.7, 0.3], [0.4, 0.6]], [0, 0, 1], coverage=0.6)
    >>> sets([[0.75, 0.25], [0.6, 0.4]]).tolist(), sets.uncovered
    ([[True, True], [False, True]], ('1',))
    """
    if not 0 < coverage < 1:
        raise TailtuneError(f"coverage must lie between 0 and 1, however: {coverage=}")
    p = read_probabilities(probabilities)
    y = read_classes(targets, p.shape)
    scores = 1 - p[np.arange(len(y)), y]
    thresholds = np.full(p.shape[1], np.inf)
    for k in range(p.shape[1]):
        of_class = np.sort(scores[y == k])
        rank = math.ceil((len(of_class) + 1) * coverage - ROUNDING)
        if rank <= len(of_class):
            thresholds[k] = of_class[rank - 1]
    return ConformalSets(thresholds, coverage, np.bincount(y, minlength=p.shape[1]), read_names(names, p.shape[1]))


def lacking(coverage: float, rows: Indices, names: Sequence[str]) -> str:
    """Say which classes have too few calibration rows [K] for `coverage`; empty where none has."""
    needed = rows_needed(coverage)
    have = [f"{quoted(name)} ({count})" for name, count in zip(names, rows.tolist(), strict=True) if count < needed]
    if not have:
        return ""
    rows_of = counted(needed, "calibration row", "calibration rows")
    always = f"always in the set for lack of them: {listed(have)}."
    return f"A coverage of {100 * coverage:g} % takes {rows_of} of a class; {always}"


def rows_needed(coverage: float) -> int:
    """Calibration rows of a class from which `coverage` can be promised: the least n with (n + 1) coverage <= n.

    >>> rows_needed(0.9), rows_needed(0.95), rows_needed(0.99)
    (9, 19, 99)
    """
    return math.ceil(coverage / (1 - coverage) - ROUNDING)

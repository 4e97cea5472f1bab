"""Answer only where the model is sure enough that few of the answers are wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.decision.checked_arrays import read_classes, read_probabilities
from tailtune.errors import TailtuneError
from tailtune.profile import Floats
from tailtune.words import counted

STARTS = 4  # sequences of tests, which share the chance of a mistake


@dataclass(frozen=True)
class Abstention:
    """Rows are answered whose answer has a probability above a threshold.

    Attributes:
        threshold: answered are probabilities above it; infinite where no threshold keeps the error, and then nothing is
            answered.
        error: share of wrong answers that is allowed among the answered rows.
        confidence: probability, over the rows that the threshold was found on, that the share is kept.
        rows: number of those rows.
        answered: share of those rows that is answered.
        wrong: share of wrong answers among the answered of those rows; 0 where nothing is answered.
    """

    threshold: float
    error: float
    confidence: float
    rows: int
    answered: float
    wrong: float

    def __call__(self, probabilities: ArrayLike, answers: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return whether each row is answered [N].

        Args:
            probabilities: of each row and class [N, K].
            answers: class indices [N], where the answer is not the most probable class; as given to `fit_abstention`.
        """
        p = read_probabilities(probabilities)
        return np.asarray(_probability_of(p, answers)[0] > self.threshold)

    @property
    def note(self) -> str:
        """Why nothing is answered, in words; empty where something is."""
        if math.isfinite(self.threshold):
            return ""
        least = _fewest(self.error, self.confidence)
        most, sure = f"{100 * self.error:g} %", f"{100 * self.confidence:g} %"
        if self.rows < least:
            needed = counted(least, "row", "rows")
            return f"Nothing is answered: to promise an error of at most {most} with {sure} confidence takes {needed}."
        return f"Nothing is answered: no threshold keeps the error at {most} with {sure} confidence on these rows."

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings ready for JSON and named arrays; `from_state` is the inverse."""
        numbers = {name: getattr(self, name) for name in ("error", "confidence", "rows", "answered", "wrong")}
        return {"kind": "abstention", **numbers}, {"threshold": np.array([self.threshold])}  # JSON has no infinity

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Abstention:
        """Restore what `state` returned.

        Raises:
            TailtuneError: the state of something else.
        """
        if settings.get("kind") != "abstention":
            raise TailtuneError(f"this is not the state of an abstention, but of kind {settings.get('kind')!r}")
        numbers = {name: value for name, value in settings.items() if name != "kind"}
        return cls(threshold=float(arrays["threshold"][0]), **numbers)


def fit_abstention(
    probabilities: ArrayLike,
    targets: ArrayLike,
    error: float = 0.05,
    *,
    confidence: float = 0.95,
    answers: ArrayLike | None = None,
) -> Abstention:
    """Find the threshold that answers most rows with a share of wrong answers of at most `error` among them.

    The rows are sorted by the probability of their answer, and each row's probability is a candidate, which answers the
    n rows above it, e of them wrongly. A candidate passes where an error rate of `error` would give e or fewer wrong
    answers among n with a probability of at most (1 - confidence) / 4, in other words where the one-sided
    Clopper-Pearson bound is at most `error`. The candidates are tested in sequence, each answering more rows than the
    one before, until one fails, so that no further correction is due for their number. There are four sequences, from
    the fewest rows that could pass up to all rows in a geometric progression, and each has a quarter of the chance of a
    mistake.

    With a probability of at least `confidence`, then, at most `error` of the answers to new rows from the same
    distribution are wrong. For that, an error rate that has risen above `error` must not fall below it again as more
    rows are answered, which is what makes probabilities worth thresholding.

    Args:
        probabilities: of rows that the model was not trained on [N, K].
        targets: their class indices [N].
        error: share of wrong answers allowed among the answered, between 0 and 1.
        confidence: of the guarantee, between 0 and 1.
        answers: class indices [N], where the answer is not the most probable class.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, or an error or confidence outside 0..1.

    Source: Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural Networks"; sequences of tests with
    several starts: Angelopoulos, Bates, Candès, Jordan & Lei 2021, "Learn then Test".

    >>> p = np.linspace(0.5, 1, 401)[1:]
    >>> found = fit_abstention(np.stack([p, 1 - p], axis=1), np.where(p > 0.7, 0, 1), error=0.1)
    >>> found.threshold < 0.7, found([[0.9, 0.1], [0.6, 0.4]]).tolist()
    (True, [True, False])
    """
    from scipy.special import bdtr  # the binomial distribution

    for name, value in (("error", error), ("confidence", confidence)):
        if not 0 < value < 1:
            raise TailtuneError(f"{name} must lie between 0 and 1, however: {name}={value}")
    p = read_probabilities(probabilities)
    y = read_classes(targets, p.shape)
    sureness, answer = _probability_of(p, answers)
    order = np.argsort(-sureness, kind="stable")
    sureness, errors = sureness[order], np.cumsum((answer != y)[order])
    rows = len(y)
    above = np.searchsorted(-sureness, -sureness, side="left")  # rows strictly above each candidate
    sizes, thresholds = np.append(above, rows), np.append(sureness, 0.0)  # the last candidate answers every row
    wrong = np.append(0, errors)[sizes]
    passes = bdtr(wrong, np.maximum(sizes, 1), error) <= (1 - confidence) / STARTS
    best = 0
    least = _fewest(error, confidence)
    for start in np.unique(np.geomspace(least, rows, STARTS).astype(int)) if rows >= least else ():
        failed = np.flatnonzero(~passes[start:])
        passed = failed[0] if len(failed) else len(passes) - start
        if passed:
            best = start + int(passed) - 1  # a later start ends no earlier
    size = int(sizes[best])
    threshold = float(thresholds[best]) if size else math.inf
    return Abstention(threshold, error, confidence, rows, size / rows, float(wrong[best] / size) if size else 0.0)


def _probability_of(p: Floats, answers: ArrayLike | None) -> tuple[Floats, NDArray[np.int64]]:
    """The probability of each row's answer [N], and the answer [N]."""
    answer = p.argmax(axis=1) if answers is None else read_classes(answers, p.shape, "answers")
    return p[np.arange(len(p)), answer], answer


def _fewest(error: float, confidence: float) -> int:
    """Rows of which none is wrong that it takes to pass: the least n with (1 - error)^n <= (1 - confidence) / 4."""
    return math.ceil(math.log((1 - confidence) / STARTS) / math.log1p(-error))

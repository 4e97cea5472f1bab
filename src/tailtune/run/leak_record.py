"""What a run says about leakage: the findings, and its figures without the test rows that training had seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import Metrics, summarise
from tailtune.leaks.leak import Leak, Leaks
from tailtune.profile import ClassProfile
from tailtune.run.folder import Answered

SHOWN = ("balanced_accuracy", "accuracy", "log_loss")  # of some of the rows


@dataclass(frozen=True)
class LeakRecord:
    """What the leakage checks found before training, and what it does to the figures.

    Attributes:
        found: the findings.
        rows: test rows that have their like, or their group, among the rows trained on.
        spoils: whether these are so many that figures are not those of rows never seen.
        seen: the model's figures of SHOWN on these rows; None without any.
        others: the same on the other test rows; None without any.
    """

    found: tuple[Leak, ...]
    rows: int
    spoils: bool
    seen: Metrics | None = None
    others: Metrics | None = None


def leak_record(leaks: Leaks, targets: NDArray[np.int64], model: Answered, profile: ClassProfile) -> LeakRecord:
    """Return the record of a run.

    Args:
        leaks: what the checks found.
        targets: class indices of the test rows [N].
        model: what the model makes of them.
        profile: classes of the training rows.
    """
    concerned = leaks.concerned

    def figures(rows: NDArray[np.bool_]) -> Metrics | None:
        if not concerned.any() or not rows.any():
            return None
        return shown_figures(targets[rows], model.probabilities[rows], profile, model.answers[rows])

    return LeakRecord(leaks.found, int(concerned.sum()), leaks.spoils, figures(concerned), figures(~concerned))


def shown_figures(
    targets: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    profile: ClassProfile,
    answers: NDArray[np.int64] | None = None,
) -> Metrics:
    """Return the figures of SHOWN on rows [M] with their probabilities [M, K] and answers [M]."""
    measures = [measure for measure in MEASURES if measure.key in SHOWN]
    found = summarise(targets, probabilities, profile, measures, answers)
    return {key: found.metrics[key] for key in SHOWN}

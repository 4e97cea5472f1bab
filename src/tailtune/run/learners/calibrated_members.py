"""The trainings of one model on the parts of `JudgedRows`, calibrated together on the rows that each did not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, fit_use
from tailtune.profile import Floats
from tailtune.run.decide import in_use
from tailtune.run.learner import Fitted
from tailtune.run.learners.judged_rows import JudgedRows
from tailtune.run.predictor import Predictor


def calibrated_members(fitted: Sequence[Fitted], rows: JudgedRows) -> tuple[tuple[Predictor, ...], Floats | None]:
    """Calibrate the trainings of a model for log loss, all alike.

    Args:
        fitted: a training of each of `rows.trainings`.
        rows: what these were trained on, and what they did not see.

    Returns:
        The predictor of each training, and the calibrated probabilities of the held-out rows [N, K], each by the
        training that had not seen it; without held-out rows the predictors as they are, and None.
    """
    predictors = tuple(one.predictor for one in fitted)
    if rows.judged is None:
        return predictors, None
    profile = rows.trainings[0].profile
    scores = np.zeros((len(rows.targets), profile.num_classes))
    for one, positions in zip(fitted, rows.held_out, strict=True):
        assert one.held_out is not None
        scores[positions] = one.held_out.probabilities
    use = fit_use(Asked(read_objective("log_loss")), fitted[0].implied, profile, HeldOut.of(scores, rows.judged))
    return tuple(in_use(predictor, use) for predictor in predictors), use.recalibration(scores)

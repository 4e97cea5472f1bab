"""Probabilities at another balance than that of training, on real rows drawn at that balance."""

from __future__ import annotations

import os

import numpy as np
import pytest
from numpy.typing import NDArray

from tailtune import Run
from tailtune.data.catalog import open_named
from tailtune.run.learners import fit_model

pytestmark = pytest.mark.real


def calibration_error(p: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The mean over 15 bins of equal width, weighted by their rows, of |mean probability - share of positives|."""
    bins = np.minimum((p * 15).astype(int), 14)
    return sum(abs(p[bins == b].sum() - positive[bins == b].sum()) for b in range(15)) / len(p)


def test_adult_resampled_to_another_balance_is_met_by_stating_it() -> None:
    """Trees trained on 24 % positives, tested where there are 1, 10 and 50 %."""
    run = Run("adult", model="xgboost", method="erm", data_root=os.environ["TAILTUNE_DATA"])
    dataset = open_named("adult", run)
    fitted = fit_model(run, dataset)
    assert fitted is not None
    recalibration = fitted.predictor.recalibration
    assert recalibration is not None
    scores, positive = fitted.predictor.scores(dataset.test.inputs), dataset.test.targets.numpy() == 1
    rng = np.random.default_rng(0)
    for share in (0.01, 0.1, 0.5):
        weights = np.where(positive, share / positive.sum(), (1 - share) / (~positive).sum())
        rows = rng.choice(len(scores), 10_000, p=weights)
        truth = positive[rows]

        def losses(p: NDArray[np.float64], truth: NDArray[np.bool_] = truth) -> tuple[float, float]:
            log_loss = -np.log(np.where(truth, p, 1 - p)).mean()
            return float(log_loss), calibration_error(p, truth)

        stated = losses(recalibration.towards(np.array([1 - share, share]))(scores[rows])[:, 1])
        as_trained = losses(recalibration(scores[rows])[:, 1])
        assert stated[0] < as_trained[0], share
        assert stated[1] < as_trained[1] / 2, share
        assert stated[1] < 0.03, share

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import balanced_accuracy_score

from tailtune.paper.adjusted import TAUS, adjusted, of_run, strength


def test_it_is_logit_adjustment() -> None:
    rng = np.random.default_rng(0)
    logits, balance = rng.normal(size=(50, 4)), np.array([0.6, 0.3, 0.08, 0.02])
    found = adjusted(softmax(logits, 1), balance, 0.7, 2.0)
    assert found == pytest.approx(softmax(log_softmax(logits, 1) / 2 - 0.7 * np.log(balance), 1))


def test_columns_of_a_training_whose_scores_are_exact_posteriors() -> None:
    rng = np.random.default_rng(1)
    balance, targets = np.array([0.9, 0.1]), np.repeat([0, 1], 2000)
    x = rng.normal(np.where(targets == 1, 1.0, -1.0))
    posterior = 1 / (1 + np.exp(-2 * x) * balance[0] / balance[1])
    sure = np.clip(np.column_stack([1 - posterior, posterior]) ** 2, 1e-12, None)
    run = SimpleNamespace(
        predictions=SimpleNamespace(scores=sure / sure.sum(1, keepdims=True), targets=targets, implied=balance)
    )
    found = of_run(cast(Any, run))
    by_argmax = (posterior > 0.5).astype(int)
    assert found[strength(0.0)] == pytest.approx(balanced_accuracy_score(targets, by_argmax))
    assert max(TAUS, key=lambda tau: found[strength(tau)]) in (1.5, 2.0)  # the scores are twice as sure as they should
    assert found["temperature"] == 2.0
    assert found["loss_tempered"] < found["loss"]

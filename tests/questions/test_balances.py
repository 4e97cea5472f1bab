"""Reweighted figures against the same figures on rows that are drawn to the balance, and Bayes' rule."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss

from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.questions.balances import Scores, over_classes


def made(seed: int, weights: bool = False) -> Scores:
    rng = np.random.default_rng(seed)
    targets = np.concatenate([[0, 1, 2], rng.integers(0, 3, 57)])
    return Scores(
        rng.dirichlet(np.ones(3), 60), targets, rng.uniform(0.5, 2, 60) if weights else None, np.array([0.7, 0.2, 0.1])
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.floats(0.05, 1), min_size=3, max_size=3), st.booleans())
def test_a_balance_is_that_of_weighted_rows(seed: int, shares: list[float], weighted: bool) -> None:
    scores, balance = made(seed, weighted), np.array(shares) / np.sum(shares)
    own = np.ones(60) if scores.weights is None else scores.weights
    mass = np.bincount(scores.targets, own, minlength=3)
    rows = own * (balance / mass)[scores.targets]
    p = scores.at(balance)
    np.testing.assert_allclose(
        p, shift_probabilities(scores.probabilities, prior_shift(1000 * scores.implied, balance))
    )
    expected = log_loss(scores.targets, p, sample_weight=rows, labels=[0, 1, 2])
    np.testing.assert_allclose(over_classes(scores.log_losses(p), balance), expected, rtol=1e-9)
    expected = accuracy_score(scores.targets, p.argmax(axis=1), sample_weight=rows)
    np.testing.assert_allclose(over_classes(scores.recalls(p), balance), expected, rtol=1e-9)


def test_a_class_without_rows_does_not_count() -> None:
    scores = Scores(np.array([[0.5, 0.25, 0.25]]), np.array([0]), None, np.ones(3) / 3)
    assert np.isnan(scores.recalls(scores.probabilities)[1:]).all()
    assert over_classes(scores.recalls(scores.probabilities), np.ones(3)) == 1.0

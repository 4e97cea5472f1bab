"""Answers for macro F1: the expected F1 against scikit-learn's, and what the weights gain on other rows."""

from __future__ import annotations

import numpy as np
import pytest
from gaussian_classes import THREE, draw, posterior
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tailtune.decision.answers import weighing
from tailtune.decision.macro_f1_weights import MANY_CLASSES, expected_macro_f1, weights_for_macro_f1

BALANCE = np.array([0.9, 0.07, 0.03])


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_of_certain_probabilities_it_is_the_f1_that_is_counted(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(k), rng.integers(0, k, 30)])
    answers, weights = rng.integers(0, k, len(targets)), rng.uniform(0.1, 3, len(targets))
    expected = f1_score(targets, answers, average="macro", sample_weight=weights, zero_division=0.0)
    assert expected_macro_f1(np.eye(k)[targets], answers, weights) == pytest.approx(expected)


def test_of_calibrated_probabilities_it_is_the_f1_of_many_rows() -> None:
    rows = draw(THREE, BALANCE, 200_000, 0)
    p = posterior(THREE, BALANCE, rows.x)
    answers = p.argmax(axis=1)
    counted = f1_score(rows.targets, answers, average="macro")
    assert expected_macro_f1(p, answers, np.ones(len(answers))) == pytest.approx(counted, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_rows_are_enough_to_gain_on_others(seed: int) -> None:
    rows, fresh = draw(THREE, BALANCE, 100, seed), draw(THREE, BALANCE, 20_000, seed + 100)
    weights = weights_for_macro_f1(posterior(THREE, BALANCE, rows.x), np.ones(100))
    p = posterior(THREE, BALANCE, fresh.x)
    found = f1_score(fresh.targets, weighing(weights)(p), average="macro")
    assert found > f1_score(fresh.targets, p.argmax(axis=1), average="macro") + 0.01


def test_many_classes_share_one_power() -> None:
    """Classes that are told apart at the same odds: the weights are a power of their shares, none of its own."""
    k = MANY_CLASSES + 1
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.geomspace(5, 0.05, k), 500)
    weights = weights_for_macro_f1(p, np.ones(500))
    powers = -np.log(weights) / np.log(p.mean(axis=0))
    assert np.allclose(powers, powers[0])
    assert 0 <= powers[0] <= 1

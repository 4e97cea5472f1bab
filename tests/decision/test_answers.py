"""Answers against brute force: expected costs, thresholds, budgets, class weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from gaussian_classes import THREE, TWO, draw, posterior
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tailtune.decision.answers import (
    Answer,
    Budget,
    Threshold,
    Utility,
    answer_from_state,
    best_weights,
    likeliest,
    weighing,
)
from tailtune.errors import TailtuneError
from tailtune.profile import Floats

SEEDS = st.integers(0, 2**32 - 1)


def made(seed: int, k: int, rows: int = 12) -> Floats:
    """Probabilities of rows, many of them equal."""
    levels = np.random.default_rng(seed).integers(1, 4, (rows, k)).astype(np.float64)
    return np.asarray(levels / levels.sum(axis=1, keepdims=True))


@given(SEEDS, st.integers(2, 5))
def test_costs_give_the_answers_of_the_least_expected_cost(seed: int, k: int) -> None:
    p, costs = made(seed, k), np.random.default_rng(seed).normal(size=(k, k))
    answers = Utility(-costs)(p)
    for n in range(len(p)):
        expected = [sum(p[n, true] * costs[true, answer] for true in range(k)) for answer in range(k)]
        assert expected[answers[n]] == pytest.approx(min(expected))


@given(SEEDS, st.integers(2, 5))
def test_the_likeliest_class_is_the_first_of_equals(seed: int, k: int) -> None:
    p = made(seed, k)
    np.testing.assert_array_equal(likeliest(k)(p), p.argmax(axis=1))
    weights = np.random.default_rng(seed).uniform(0.1, 5, k)
    np.testing.assert_allclose(
        (p * weights)[np.arange(len(p)), weighing(weights)(p)], (p * weights).max(axis=1), rtol=1e-12
    )


@given(SEEDS, st.integers(2, 4), st.sampled_from([0.0, 0.2, 0.25, 1 / 3, 0.5, 1.0]))
def test_a_threshold(seed: int, k: int, threshold: float) -> None:
    p, positive = made(seed, k), k - 1
    for row, answer in zip(p, Threshold(positive, threshold)(p), strict=True):
        others = row[:positive]
        assert answer == (positive if row[positive] >= threshold else others.argmax())


@given(SEEDS, st.integers(2, 4), st.one_of(st.integers(1, 20), st.floats(0.01, 0.99)))
def test_a_budget_is_spent_on_the_likeliest_rows(seed: int, k: int, cases: float) -> None:
    """As many as it allows, never a row that is less likely than one passed over; of equal rows the first."""
    p, positive = made(seed, k), 0
    answers = Budget(positive, cases)(p)
    wanted = min(len(p), cases if cases >= 1 else round(cases * len(p)))
    assert (answers == positive).sum() == wanted
    inside, outside = p[answers == positive, positive], p[answers != positive, positive]
    assert not len(inside) or not len(outside) or inside.min() >= outside.max()
    for first, second in pairwise(np.flatnonzero(p[:, positive] == inside.min()) if len(inside) else []):
        assert (answers[first] == positive) >= (answers[second] == positive)
    for row, answer in zip(p[answers != positive], answers[answers != positive], strict=True):
        assert answer == 1 + row[1:].argmax()


@pytest.mark.parametrize("answer", [Utility(-np.arange(9.0).reshape(3, 3)), Threshold(2, 0.31), Budget(1, 0.25)])
def test_saving_keeps_the_answers(answer: Answer) -> None:
    p = made(0, 3, 50)
    np.testing.assert_array_equal(answer_from_state(*answer.state())(p), answer(p))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TailtuneError, match="unknown kind, 'oracle'"):
        answer_from_state({"kind": "oracle"}, {})


def macro_f1(targets: np.ndarray, answers: np.ndarray, weights: Floats) -> float:
    """What the search is to raise here."""
    return float(f1_score(targets, answers, average="macro", sample_weight=weights, zero_division=0.0))


def best_of_two(p: Floats, targets: np.ndarray, weights: Floats) -> float:
    """The highest macro F1 of any threshold on the second class."""
    tried = [np.where(p[:, 1] >= cut, 1, 0) for cut in (*np.unique(p[:, 1]), 2.0)]
    return max(float(f1_score(targets, answers, average="macro", sample_weight=weights)) for answers in tried)


@pytest.mark.parametrize("seed", range(5))
def test_weights_of_two_classes_come_near_the_best_threshold(seed: int) -> None:
    """The factors lie a fifth apart, so that they may pass over the very best threshold, but not over a good one."""
    rows = draw(TWO, np.array([0.95, 0.05]), 600, seed)
    p, once = posterior(TWO, np.array([0.95, 0.05]), rows.x), np.ones(len(rows))
    score = macro_f1
    found = score(rows.targets, weighing(best_weights(score, p, rows.targets, once, np.ones(2)))(p), once)
    assert best_of_two(p, rows.targets, once) - 0.02 <= found <= best_of_two(p, rows.targets, once) + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_weights_have_a_higher_macro_f1_on_other_rows_than_the_likeliest_class(seed: int) -> None:
    balance = np.array([0.9, 0.07, 0.03])
    rows, fresh = draw(THREE, balance, 3000, seed), draw(THREE, balance, 20_000, seed + 100)
    score, once = macro_f1, np.ones(3000)
    weights = best_weights(score, posterior(THREE, balance, rows.x), rows.targets, once, np.ones(3))
    p, once = posterior(THREE, balance, fresh.x), np.ones(len(fresh))
    gain = score(fresh.targets, weighing(weights)(p), once) - score(fresh.targets, p.argmax(axis=1), once)
    assert gain > 0.02


def test_weights_stay_where_nothing_is_better() -> None:
    """Rows that are all answered rightly: the middle of what scores alike is the start."""
    targets = np.arange(60) % 3
    p = 0.9 * np.eye(3)[targets] + 0.1 / 3
    score = macro_f1
    np.testing.assert_array_equal(best_weights(score, p, targets, np.ones(60), np.ones(3)), np.ones(3))

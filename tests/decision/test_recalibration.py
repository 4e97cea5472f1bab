"""Recalibration: the equation written out, its identities, saving, and other training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.deployment import train_balance
from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.decision.recalibration import Recalibration, recalibration_from_state, unfitted
from tailtune.methods import post_hoc_logit_adjustment
from tailtune.methods.implied_balance import implied_balance
from tailtune.profile import ClassProfile, Floats

CLASSES = st.integers(2, 6)
SEEDS = st.integers(0, 2**32 - 1)


def balance(rng: np.random.Generator, k: int) -> Floats:
    drawn = rng.dirichlet(np.ones(k)) + 1e-3
    return np.asarray(drawn / drawn.sum())


def made(seed: int, k: int) -> tuple[Recalibration, Floats]:
    """A recalibration with every part at work, and probabilities of five rows."""
    rng = np.random.default_rng(seed)
    scale, bias = rng.uniform(0.3, 2, k), rng.normal(size=k)
    made = Recalibration(balance(rng, k), balance(rng, k), balance(rng, k), scale, bias, float(rng.uniform(0, 2)))
    return made, rng.dirichlet(np.ones(k), 5) * (1 - 1e-6) + 1e-6 / k


@given(SEEDS, CLASSES)
def test_it_is_the_equation(seed: int, k: int) -> None:
    r, p = made(seed, k)
    expected = np.empty_like(p)
    for n in range(len(p)):
        for j in range(k):
            at_train = (p[n, j] * r.train[j] / r.implied[j]) ** r.scale[j] * np.exp(r.bias[j])
            expected[n, j] = at_train * r.deployment[j] / r.train[j] ** r.tau
        expected[n] /= expected[n].sum()
    np.testing.assert_allclose(r(p), expected, rtol=1e-9)


@given(SEEDS, CLASSES)
def test_towards_a_balance_does_not_depend_on_the_way_there(seed: int, k: int) -> None:
    r, p = made(seed, k)
    rng = np.random.default_rng(seed + 1)
    first, second = balance(rng, k), balance(rng, k)
    np.testing.assert_array_equal(r.towards(first).towards(second)(p), r.towards(second)(p))
    ratio = r.towards(first)(p) * second / first  # Bayes' rule from the one to the other
    np.testing.assert_allclose(r.towards(second)(p), ratio / ratio.sum(axis=1, keepdims=True), rtol=1e-9)


@given(SEEDS, CLASSES)
def test_the_training_balance_in_use_leaves_probabilities_that_belong_to_it(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    profile, p = ClassProfile(tuple(rng.integers(1, 1000, k).tolist())), rng.dirichlet(np.ones(k), 5)
    left = unfitted(train_balance(profile), profile)
    assert left.plain
    np.testing.assert_allclose(left(p), p, rtol=1e-9, atol=1e-25)
    assert not unfitted(np.full(k, 1 / k), replace(profile, counts=(1, *[9] * (k - 1)))).plain


@given(SEEDS, CLASSES, st.floats(0, 2))
def test_without_calibration_it_is_the_prior_shift(seed: int, k: int, tau: float) -> None:
    rng = np.random.default_rng(seed)
    counts, p, q = rng.integers(1, 1000, k), rng.dirichlet(np.ones(k), 5), balance(rng, k)
    profile = ClassProfile(tuple(counts.tolist()))
    shifted = unfitted(train_balance(profile), profile, q, tau)(p)
    np.testing.assert_allclose(shifted, shift_probabilities(p, prior_shift(counts, q, tau)), rtol=1e-8, atol=1e-25)


@given(SEEDS, CLASSES, st.floats(0, 2))
def test_post_hoc_logit_adjustment_is_the_balance_of_equal_classes(seed: int, k: int, tau: float) -> None:
    """Its own correction, of whichever strength, is undone before another balance is put in."""
    rng = np.random.default_rng(seed)
    profile, p = ClassProfile(tuple(rng.integers(1, 1000, k).tolist())), rng.dirichlet(np.ones(k), 5) + 1e-6
    p /= p.sum(axis=1, keepdims=True)
    method = post_hoc_logit_adjustment(profile, tau=tau)
    assert method.decision is not None
    adjusted, equal = method.decision(None, None, profile)(p), np.full(k, 1 / k)
    plainly = unfitted(train_balance(profile), profile, equal)(p)
    np.testing.assert_allclose(unfitted(implied_balance(method, profile), profile, equal)(adjusted), plainly, rtol=1e-6)
    if tau == 1:
        np.testing.assert_allclose(adjusted, plainly, rtol=1e-9)


def test_post_hoc_logit_adjustment_of_full_strength_is_the_decision_prior() -> None:
    profile, p = ClassProfile((90, 9, 1)), np.array([[0.8, 0.15, 0.05], [0.2, 0.2, 0.6]])
    adjusted = post_hoc_logit_adjustment(profile).decision(None, None, profile)(p)  # type: ignore[misc]
    np.testing.assert_allclose(adjusted, unfitted(train_balance(profile), profile, np.full(3, 1 / 3))(p), rtol=1e-12)


@given(SEEDS, CLASSES, st.booleans())
def test_saving_keeps_everything(seed: int, k: int, follows: bool) -> None:
    r, p = made(seed, k)
    r = replace(r, follows=follows)
    settings, arrays = r.state()
    restored = recalibration_from_state(settings, arrays)
    np.testing.assert_array_equal(restored(p), r(p))
    assert (restored.tau, restored.follows) == (r.tau, follows)


def test_other_training_rows_change_the_balances_that_follow_from_them() -> None:
    """A class twice as frequent in training is twice as frequent in what a weighted loss estimates."""
    before, after = ClassProfile((80, 20)), ClassProfile((60, 40))
    weighted = np.array([0.8, 0.2 * 4]) / 1.6  # the rare class counted four times
    r = unfitted(weighted, before).trained_on(after)
    np.testing.assert_allclose(r.implied, np.array([0.6, 0.4 * 4]) / 2.2)
    np.testing.assert_allclose(r.train, [0.6, 0.4])
    np.testing.assert_allclose(r.deployment, [0.6, 0.4])
    stated = unfitted(weighted, before, np.array([0.99, 0.01])).trained_on(after)
    np.testing.assert_allclose(stated.deployment, [0.99, 0.01])


def test_certainty_stays_certain() -> None:
    r = unfitted(np.array([0.5, 0.5]), ClassProfile((1, 1)), np.array([0.1, 0.9]))
    np.testing.assert_allclose(r(np.array([[1.0, 0.0], [0.0, 1.0]])), np.eye(2), atol=1e-28)

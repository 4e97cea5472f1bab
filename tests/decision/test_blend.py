"""Weights of models in the mean of their probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.decision.blend import PICKS, _greedy, blend

Floats = np.ndarray


def softmax(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def noisy(targets: Floats, noise: float, seed: int, classes: int = 2) -> Floats:
    """Probabilities that tell the class up to noise of their own."""
    return softmax(2 * np.eye(classes)[targets] + np.random.default_rng(seed).normal(0, noise, (len(targets), classes)))


def log_loss(probabilities: Floats, targets: Floats) -> float:
    return float(-np.log(probabilities[np.arange(len(targets)), targets]).mean())


def test_one_model_counts_for_all() -> None:
    targets = np.array([0, 1, 1])
    found = blend([noisy(targets, 1.0, 0)], targets)
    assert found.weights.tolist() == [1.0]
    assert (found.chosen, found.gain, found.error) == (0, None, None)


def test_a_poor_model_is_left_out_where_there_are_rows_to_tell() -> None:
    targets = np.random.default_rng(0).integers(0, 2, 4000)
    members = [noisy(targets, 0.5, 1), noisy(targets, 0.5, 2), noisy(targets, 4.0, 3)]
    found = blend(members, targets)
    assert found.chosen == 1
    assert found.gain is not None
    assert found.error is not None
    assert found.gain > found.error
    assert found.weights[2] < 0.05
    mixed = np.tensordot(found.weights, members, axes=1)
    assert log_loss(mixed, targets) < log_loss(np.mean(members, axis=0), targets) - 0.02


def test_models_that_are_alike_count_alike() -> None:
    targets = np.random.default_rng(0).integers(0, 3, 60)
    found = blend([noisy(targets, 1.0, seed, 3) for seed in range(4)], targets)
    assert found.chosen == 0
    assert found.gain is not None
    assert found.gain <= 0
    np.testing.assert_array_equal(found.weights, np.full(4, 0.25))


def test_a_gain_that_may_be_noise_goes_half_way() -> None:
    for seed in range(50):
        targets = np.random.default_rng(seed).integers(0, 2, 80)
        members = [noisy(targets, 1.0, seed), noisy(targets, 1.6, seed + 100)]
        found = blend(members, targets)
        assert found.gain is not None
        assert found.error is not None
        assert found.chosen == (0 if found.gain <= 0 else 0.5 if found.gain <= found.error else 1)
        if found.chosen == 0.5:
            wholly = 2 * found.weights - 0.5
            assert wholly.min() >= -1e-12
            assert found.weights[0] > 0.5
            return
    raise AssertionError("no draw was in between")


def test_greedy_picks_as_written_out() -> None:
    rng = np.random.default_rng(5)
    of_target, importance = rng.uniform(0.05, 1.0, (4, 50)), rng.uniform(0.5, 2.0, 50)
    picked: list[int] = []
    losses: list[float] = []
    for _ in range(PICKS):
        tried = []
        for m in range(4):
            mean = np.mean([of_target[i] for i in [*picked, m]], axis=0)
            tried.append(-(importance * np.log(mean)).sum())
        picked.append(int(np.argmin(tried)))
        losses.append(min(tried))
    best = int(np.argmin(losses)) + 1
    expected = np.bincount(picked[:best], minlength=4) / best
    np.testing.assert_allclose(_greedy(of_target, importance), expected)


def test_rows_count_by_their_weight() -> None:
    """Each of two models knows one half of the rows; the half that counts decides."""
    targets = np.random.default_rng(0).integers(0, 2, 2000)
    knows, guesses = noisy(targets, 0.3, 1), np.full((2000, 2), 0.5)
    first = np.arange(2000) < 1000
    a, b = np.where(first[:, None], knows, guesses), np.where(first[:, None], guesses, knows)
    heavy = blend([a, b], targets, np.where(first, 20.0, 1.0))
    assert heavy.weights[0] > 0.8
    np.testing.assert_allclose(blend([b, a], targets, np.where(first, 20.0, 1.0)).weights, heavy.weights[::-1])


@given(st.integers(1, 5), st.integers(2, 40), st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_weights_are_shares(members: int, rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, rows)
    found = blend([softmax(rng.normal(0, 5, (rows, classes))) for _ in range(members)], targets)
    assert found.weights.shape == (members,)
    assert found.weights.min() >= 0
    np.testing.assert_allclose(found.weights.sum(), 1.0)

"""Calibration finds what was done to exact posteriors, and nothing where nothing was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from gaussian_classes import THREE, TWO, draw, log_loss, posterior, profile
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.calibrate import RIDGE, calibrate, importance
from tailtune.decision.recalibration import log_of, softmax, unfitted
from tailtune.profile import Floats

TRAIN = np.array([0.6, 0.3, 0.1])
EQUAL = np.full(3, 1 / 3)


def spoilt(p: Floats, temperature: float | Floats = 1.0, bias: float | Floats = 0.0) -> Floats:
    return softmax((log_of(p) - bias) * temperature)


def test_calibrated_scores_are_left_alone() -> None:
    """Mostly; what chance suggests now and then does little harm to other rows on the whole."""
    forms, harms, fresh = [], [], draw(THREE, TRAIN, 20_000, 100)
    exact = posterior(THREE, TRAIN, fresh.x)
    for seed in range(8):
        rows = draw(THREE, TRAIN, 400, seed)
        found = calibrate(unfitted(TRAIN, profile(TRAIN)), posterior(THREE, TRAIN, rows.x), rows.targets)
        forms.append(found.form)
        harms.append(log_loss(found.recalibration(exact), fresh.targets) - log_loss(exact, fresh.targets))
    assert forms.count("none") >= 5
    assert np.mean(harms) < 0.01


def test_few_rows_that_are_all_told_apart_do_not_make_probabilities_sure() -> None:
    """All of 60 rows right at 0.9: the best temperature would be 0, which no new row bears out."""
    targets = np.repeat([0, 1], [50, 10])
    p = np.where(np.eye(2)[targets] == 1, 0.9, 0.1)
    found = calibrate(unfitted(np.array([0.8, 0.2]), profile(np.array([0.8, 0.2]))), p, targets).recalibration
    assert found(p)[np.arange(60), targets].max() < 1 - 1 / 60


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_a_temperature_is_found(temperature: float) -> None:
    rows, fresh = draw(THREE, TRAIN, 4000, 1), draw(THREE, TRAIN, 20_000, 2)
    scores = spoilt(posterior(THREE, TRAIN, rows.x), temperature)
    found = calibrate(unfitted(TRAIN, profile(TRAIN)), scores, rows.targets)
    assert found.form == "temperature"
    np.testing.assert_allclose(found.recalibration.scale, 1 / temperature, rtol=0.08)
    exact = posterior(THREE, TRAIN, fresh.x)
    again = found.recalibration(spoilt(exact, temperature))
    assert log_loss(again, fresh.targets) < log_loss(exact, fresh.targets) + 0.002


def test_biases_are_found() -> None:
    bias = np.array([0.0, 1.5, -1.0])
    rows = draw(THREE, TRAIN, 4000, 3)
    found = calibrate(unfitted(TRAIN, profile(TRAIN)), spoilt(posterior(THREE, TRAIN, rows.x), 1, bias), rows.targets)
    assert found.form == "bias"
    np.testing.assert_allclose(found.recalibration.bias - found.recalibration.bias[0], bias, atol=0.15)


def test_a_scale_a_class_is_found() -> None:
    scale, rows = np.array([0.4, 1.0, 2.0]), draw(THREE, TRAIN, 6000, 4)
    exact = posterior(THREE, TRAIN, rows.x)
    scores = softmax(log_of(exact) / scale)  # whose normalisation, however, mixes the classes
    found = calibrate(unfitted(TRAIN, profile(TRAIN)), scores, rows.targets)
    assert found.form == "vector"
    assert log_loss(found.recalibration(scores), rows.targets) < found.losses["bias"]
    assert found.losses["vector"] < found.losses["bias"] < found.losses["none"]


@pytest.mark.parametrize("tau", [0.5, 1.6])
def test_the_strength_is_found_where_the_scores_hold_another_prior(tau: float) -> None:
    """Scores whose prior is pi^tau need tau log pi taken off, not log pi."""
    rows = draw(THREE, TRAIN, 8000, 5)
    scores = posterior(THREE, TRAIN**tau, rows.x)
    found = calibrate(unfitted(TRAIN, profile(TRAIN), EQUAL), scores, rows.targets)
    assert found.form == "strength"
    assert found.recalibration.tau == pytest.approx(tau, abs=0.15)
    exact = posterior(THREE, EQUAL, rows.x)
    weights = importance(rows.targets, EQUAL)
    assert log_loss(found.recalibration(scores), rows.targets, weights) == pytest.approx(
        log_loss(exact, rows.targets, weights), abs=0.005
    )


def test_exact_posteriors_give_exact_ones_at_another_balance() -> None:
    rows = draw(THREE, TRAIN, 2000, 6)
    found = calibrate(unfitted(TRAIN, profile(TRAIN), EQUAL), posterior(THREE, TRAIN, rows.x), rows.targets)
    np.testing.assert_allclose(
        found.recalibration(posterior(THREE, TRAIN, rows.x)), posterior(THREE, EQUAL, rows.x), atol=0.06
    )


@pytest.mark.parametrize(("deployment", "forms"), [(TRAIN, 3), (EQUAL, 4)])
def test_slopes_are_those_of_the_loss(deployment: Floats, forms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients that the minimiser is given, of every form, against finite differences of the loss."""
    minimise, rng, checked = scipy.optimize.minimize, np.random.default_rng(0), set()

    def checking(loss: Any, start: Floats, **how: Any) -> Any:
        if len(start) not in checked:
            checked.add(len(start))
            at = rng.normal(size=len(start)) / 2
            slope = loss(at)[1]
            steps = 1e-6 * np.eye(len(start))
            estimated = [(loss(at + step)[0] - loss(at - step)[0]) / 2e-6 for step in steps]
            np.testing.assert_allclose(slope, estimated, rtol=1e-5, atol=1e-8)
        return minimise(loss, start, **how)

    monkeypatch.setattr(scipy.optimize, "minimize", checking)
    rows = draw(THREE, TRAIN, 200, 7)
    calibrate(unfitted(EQUAL, profile(TRAIN), deployment), posterior(THREE, EQUAL, rows.x), rows.targets)
    assert len(checked) == forms


def test_the_minimum_is_that_of_the_equation() -> None:
    """No value near the fitted biases and temperature has a lower ridged loss, written out, with room for doubt."""
    bias, rows = np.array([0.0, 1.5, -1.0]), draw(THREE, TRAIN, 1000, 8)
    scores = spoilt(posterior(THREE, TRAIN, rows.x), 1.3, bias)
    found = calibrate(unfitted(TRAIN, profile(TRAIN)), scores, rows.targets)
    assert found.form == "bias"

    weights = TRAIN[rows.targets] / (np.bincount(rows.targets) / len(rows))[rows.targets]

    doubt = 1 / (np.bincount(rows.targets)[rows.targets] + 2)
    aims = np.where(np.eye(3)[rows.targets] == 1, 1 - doubt[:, None], doubt[:, None] / 2)

    def loss(log_scale: float, biases: Floats) -> float:
        logits = np.exp(log_scale) * np.log(scores) + biases
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        ridge = RIDGE * (weights**2).mean() / len(rows)
        losses = -(aims * np.log(p)).sum(axis=1)
        return float((weights * losses).mean() + ridge * (log_scale**2 + (biases**2).sum()))

    log_scale, biases = float(np.log(found.recalibration.scale[0])), found.recalibration.bias
    least = loss(log_scale, biases)
    for step in np.vstack([np.eye(4), -np.eye(4)]) * 0.01:
        assert loss(log_scale + step[0], biases + step[1:]) > least


def test_a_class_of_few_rows_gets_no_parameters_of_its_own() -> None:
    rows = draw(THREE, TRAIN, 300, 9)
    nine = np.concatenate([np.flatnonzero(rows.targets < 2), np.flatnonzero(rows.targets == 2)[:9]])
    scores = spoilt(posterior(THREE, TRAIN, rows.x), 1, np.array([0.0, 1.5, -1.0]))
    start = unfitted(TRAIN, profile(TRAIN))
    assert set(calibrate(start, scores[nine], rows.targets[nine]).losses) == {"none", "temperature"}
    assert set(calibrate(start, scores, rows.targets).losses) == {"none", "temperature", "bias", "vector"}


@pytest.mark.parametrize(("fewest", "forms"), [(4, {"none"}), (5, {"none", "temperature", "strength"})])
def test_another_balance_takes_five_rows_of_a_class(fewest: int, forms: set[str]) -> None:
    rows = draw(THREE, TRAIN, 300, 10)
    kept = np.concatenate([np.flatnonzero(rows.targets < 2), np.flatnonzero(rows.targets == 2)[:fewest]])
    scores = spoilt(posterior(THREE, TRAIN, rows.x), 2.5)[kept]
    found = calibrate(unfitted(TRAIN, profile(TRAIN), EQUAL), scores, rows.targets[kept])
    assert set(found.losses) == forms
    if fewest == 4:
        assert found.form == "none"
        np.testing.assert_array_equal(found.recalibration.scale, 1.0)
        assert "temperature" in calibrate(unfitted(TRAIN, profile(TRAIN)), scores, rows.targets[kept]).losses


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
def test_weights_at_equal_classes_make_the_mean_of_the_class_means(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    losses, weights = rng.random(len(targets)), importance(targets, np.full(len(counts), 1 / len(counts)))
    means = [losses[targets == k].mean() for k in range(len(counts))]
    assert (weights * losses).mean() == pytest.approx(np.mean(means))
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(importance(targets, np.bincount(targets) / len(targets)), 1.0)


def test_calibration_does_not_depend_on_the_order_of_the_classes() -> None:
    train = np.array([0.8, 0.2])
    rows = draw(TWO, train, 500, 11)
    scores = spoilt(posterior(TWO, train, rows.x), 2.0)
    found = calibrate(unfitted(train, profile(train)), scores, rows.targets)
    start = unfitted(train[::-1], replace(profile(train), counts=profile(train).counts[::-1]))
    turned = calibrate(start, scores[:, ::-1], 1 - rows.targets)
    np.testing.assert_allclose(turned.recalibration.scale, found.recalibration.scale, rtol=0.02)

from __future__ import annotations

import numpy as np
import pytest
from decision.gaussian_classes import draw, posteriors, softmax
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tailtune.decision import deployment_balance
from tailtune.decision.bias_corrected_temperature import bias_corrected_temperature
from tailtune.decision.deployment_balance import (
    Balance,
    black_box_shift,
    calibrated_expectation_maximisation,
    expectation_maximisation,
)
from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.errors import TailtuneError

PRIORS = np.array([0.7, 0.2, 0.1])


def estimates(
    rng: np.random.Generator, use: np.ndarray, rows: int = 1000, validation_rows: int = 600, resamples: int = 0
) -> list[Balance]:
    """All three on exact posteriors, hard outputs as well."""
    xv, yv = draw(rng, PRIORS, validation_rows)
    x, _ = draw(rng, use, rows)
    validation, p = posteriors(xv, PRIORS), posteriors(x, PRIORS)
    return [
        expectation_maximisation(p, PRIORS, resamples=resamples),
        calibrated_expectation_maximisation(validation, yv, p, resamples=resamples),
        black_box_shift(validation, yv, p, resamples=resamples),
        black_box_shift(validation, yv, p, soft=False, resamples=resamples),
    ]


@settings(max_examples=20, deadline=None)
@given(use=st.lists(st.floats(0.01, 1), min_size=3, max_size=3), seed=st.integers(0, 1000))
def test_the_true_balance_is_found(use: list[float], seed: int) -> None:
    wanted = np.array(use) / sum(use)
    for balance in estimates(np.random.default_rng(seed), wanted, rows=5000, validation_rows=5000):
        np.testing.assert_allclose(balance.frequencies, wanted, atol=0.1)  # 5 standard errors of the roughest
        np.testing.assert_allclose(balance.frequencies.sum(), 1)
        assert balance.rows == 5000
        assert balance.frequencies.min() >= 0


def test_intervals_hold_the_true_balance_about_as_often_as_they_say() -> None:
    use, draws = np.array([0.2, 0.5, 0.3]), 30
    held = np.zeros((4, 3))
    for seed in range(draws):
        found = estimates(np.random.default_rng(seed), use, rows=300, validation_rows=300, resamples=80)
        held += [(b.interval[:, 0] <= use) & (use <= b.interval[:, 1]) for b in found]
        for balance in found:
            assert (balance.interval[:, 0] <= balance.frequencies).all()
            assert (balance.frequencies <= balance.interval[:, 1]).all()
    # 90 checks of each, of which those of one draw go together: 0.95 less three standard errors of 0.03
    assert (held.mean(axis=1) / draws >= 0.86).all(), held / draws


def test_expectation_maximisation_agrees_with_quapy_and_a_general_solver() -> None:
    quapy = pytest.importorskip("quapy.method.aggregative")
    rng = np.random.default_rng(1)
    for use in ([0.1, 0.1, 0.8], [0.0, 0.3, 0.7]):
        p = posteriors(draw(rng, np.array(use), 500)[0], PRIORS)
        found = expectation_maximisation(p, PRIORS, resamples=0)
        assert not found.note
        np.testing.assert_allclose(found.frequencies, quapy.EMQ.EM(PRIORS, p, epsilon=1e-9)[0], atol=2e-4)

        def loss(q: np.ndarray, ratios: np.ndarray = p / PRIORS) -> float:
            return -float(np.log(ratios @ q).mean())

        whole = {"type": "eq", "fun": lambda q: q.sum() - 1}
        best = minimize(loss, PRIORS, bounds=[(0, 1)] * 3, constraints=[whole], method="SLSQP", tol=1e-12)
        assert loss(found.frequencies) <= best.fun + 1e-6
        np.testing.assert_allclose(found.frequencies, best.x, atol=1e-3)


@pytest.mark.parametrize("soft", [True, False])
def test_black_box_shift_agrees_with_quapy(soft: bool) -> None:
    quapy = pytest.importorskip("quapy.method.aggregative")
    rng = np.random.default_rng(2)
    xv, yv = draw(rng, PRIORS, 2000)
    validation, p = posteriors(xv, PRIORS), posteriors(draw(rng, np.array([0.2, 0.3, 0.5]), 2000)[0], PRIORS)
    found = black_box_shift(validation, yv, p, soft=soft, resamples=0)
    classes = np.arange(3)
    if soft:
        confusion, mean = quapy.PACC.getPteCondEstim(classes, yv, validation), p.mean(axis=0)
    else:
        confusion = quapy.ACC.getPteCondEstim(classes, yv, validation.argmax(axis=1))
        mean = np.bincount(p.argmax(axis=1), minlength=3) / len(p)
    wanted = quapy.ACC.solve_adjustment(confusion, mean, method="inversion", solver="exact-raise")
    np.testing.assert_allclose(found.frequencies, wanted, atol=1e-9)


def test_calibration_mends_what_training_bent() -> None:
    """A model that is too sure and was trained on balanced weights, so that its priors are not the rows'."""
    rng = np.random.default_rng(3)
    x, y = draw(rng, PRIORS, 20_000)
    exact, bent = posteriors(x, PRIORS), softmax(2.5 * 2.0 * x)
    calibrate = bias_corrected_temperature(bent, y)
    assert calibrate.temperature == pytest.approx(2.5, rel=0.05)
    np.testing.assert_allclose(calibrate(bent), exact, atol=0.03)
    np.testing.assert_allclose(calibrate(bent).mean(axis=0), np.bincount(y) / len(y), atol=1e-5)

    use = np.array([0.1, 0.3, 0.6])
    unlabelled, _ = draw(rng, use, 5000)
    found = calibrated_expectation_maximisation(bent, y, softmax(5.0 * unlabelled), resamples=0)
    np.testing.assert_allclose(found.frequencies, use, atol=0.04)
    without = expectation_maximisation(softmax(5.0 * unlabelled), (1, 1, 1), resamples=0)
    assert np.abs(without.frequencies - use).max() > np.abs(found.frequencies - use).max()


def test_calibration_agrees_with_the_authors_package() -> None:
    abstention = pytest.importorskip("abstention.calibration")
    rng = np.random.default_rng(4)
    x, y = draw(rng, PRIORS, 1000)
    bent = softmax(4.0 * x)
    theirs = abstention.TempScaling(bias_positions="all", verbose=False)(bent, np.eye(3)[y], posterior_supplied=True)
    np.testing.assert_allclose(bias_corrected_temperature(bent, y)(bent), theirs(bent), atol=2e-3)


def test_permuting_the_classes_permutes_the_balance() -> None:
    rng, order = np.random.default_rng(5), [2, 0, 1]
    xv, yv = draw(rng, PRIORS, 400)
    validation, p = posteriors(xv, PRIORS), posteriors(draw(rng, np.ones(3) / 3, 400)[0], PRIORS)
    targets = np.argsort(order)[yv]
    for estimate in (calibrated_expectation_maximisation, black_box_shift):
        one = estimate(validation, yv, p, resamples=0).frequencies
        other = estimate(validation[:, order], targets, p[:, order], resamples=0).frequencies
        np.testing.assert_allclose(other, one[order], atol=1e-4)
    one, other = expectation_maximisation(p, PRIORS), expectation_maximisation(p[:, order], PRIORS[order])
    np.testing.assert_allclose(other.frequencies, one.frequencies[order], atol=1e-4)
    np.testing.assert_allclose(other.interval, one.interval[order], atol=1e-3)  # the same rows are drawn


def test_the_balance_found_improves_the_decisions() -> None:
    rng, use = np.random.default_rng(6), np.array([0.05, 0.05, 0.9])
    x, y = draw(rng, use, 3000, apart=1.0)
    p = posteriors(x, PRIORS, apart=1.0)
    found = expectation_maximisation(p, PRIORS, resamples=0).frequencies
    shifted = shift_probabilities(p, prior_shift(PRIORS * 1000, np.maximum(found, 1e-6)))
    assert (shifted.argmax(axis=1) == y).mean() > (p.argmax(axis=1) == y).mean() + 0.1


def test_doubts_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    y = np.array([0] * 100 + [1] * 100 + [2] * 5)
    noise = softmax(0.02 * rng.normal(size=(205, 3)))
    found = black_box_shift(noise, y, noise, names=("a", "b", "rare"))
    assert "can hardly be told from one that cannot be inverted" in found.note
    assert "Fewer than 10 validation rows of 'rare' (5)" in found.note
    monkeypatch.setattr(deployment_balance, "STEPS", 1)
    x, _ = draw(rng, np.array([0.1, 0.1, 0.8]), 200, apart=0.5)
    assert "not converged after 1 steps" in expectation_maximisation(posteriors(x, PRIORS, 0.5), PRIORS).note


def test_refusals() -> None:
    p = [[0.8, 0.2], [0.3, 0.7]]
    with pytest.raises(TailtuneError, match="row 1 is"):
        expectation_maximisation([[0.8, 0.2], [2.0, -1.0]], (1, 1))
    with pytest.raises(TailtuneError, match="row 0 is"):
        expectation_maximisation([[np.nan, 0.2]], (1, 1))
    for priors in ((1, 0), (1, 1, 1), (1, np.inf)):
        with pytest.raises(TailtuneError, match="2 classes need as many train priors"):
            expectation_maximisation(p, priors)
    with pytest.raises(TailtuneError, match="there is none of 'rare'"):
        black_box_shift(p, [0, 0], p, names=("common", "rare"))
    with pytest.raises(TailtuneError, match="of the same classes, however: 2 classes and 3"):
        calibrated_expectation_maximisation(p, [0, 1], [[0.5, 0.3, 0.2]])
    with pytest.raises(TailtuneError, match="class '1' is never the most probable; use soft=True"):
        black_box_shift([[0.8, 0.2], [0.6, 0.4]], [0, 1], p, soft=False)
    with pytest.raises(TailtuneError, match="use a model that tells the classes apart"):
        black_box_shift([[0.8, 0.2], [0.8, 0.2]], [0, 1], p)
    with pytest.raises(TailtuneError, match="2 classes need 2 names"):
        black_box_shift(p, [0, 1], p, names=("a",))
    with pytest.raises(TailtuneError, match="the calibration is of 2 classes, however: 3"):
        bias_corrected_temperature(p, [0, 1])([[0.5, 0.3, 0.2]])
    with pytest.raises(TailtuneError, match="they run from 0 to 2"):
        bias_corrected_temperature(p, [0, 2])
    with pytest.raises(TailtuneError, match="one class index for each of the 2 rows"):
        bias_corrected_temperature(p, [0.0, 1.0])
    with pytest.raises(TailtuneError, match="shape"):
        expectation_maximisation([0.5, 0.5], (1, 1))

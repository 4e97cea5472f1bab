from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tailtune.losses.cross_entropy import cross_entropy
from tailtune.losses.weights import deferred, effective_number, inverse_frequency, weights_of_rows
from tailtune.profile import ClassProfile

COUNTS = (5000, 900, 120, 30)
counts_strategy = st.lists(st.integers(0, 10_000), min_size=2, max_size=12).filter(any)


@given(counts=counts_strategy, beta=st.sampled_from([0.0, 0.9, 0.999, 0.9999, 1 - 1e-9]))
def test_weights_sum_to_k_and_fall_with_the_count(counts: list[int], beta: float) -> None:
    for weights in (inverse_frequency(counts, "classes"), effective_number(counts, beta, "classes")):
        assert weights.sum() == pytest.approx(len(counts))
        assert (weights > 0).all()
        full = np.flatnonzero(counts)
        by_size = weights[full[np.argsort(np.asarray(counts)[full])]]
        assert (np.diff(by_size) <= 1e-12).all()


@given(counts=counts_strategy, beta=st.sampled_from([0.0, 0.9, 0.999, 0.9999]))
def test_normalised_over_the_rows_the_training_rows_weigh_1_on_average(counts: list[int], beta: float) -> None:
    n = np.array(counts, dtype=float)
    for by_rows, by_classes in (
        (inverse_frequency(counts), inverse_frequency(counts, "classes")),
        (effective_number(counts, beta), effective_number(counts, beta, "classes")),
    ):
        assert by_rows @ n == pytest.approx(n.sum())  # sum_k p_k w_k = 1
        full = n > 0
        factor = n.sum() / (n @ by_classes)
        np.testing.assert_allclose(by_rows[full], factor * by_classes[full])  # only the scale differs
        np.testing.assert_array_equal(by_rows[~full], 1.0)


def test_scaled_to_k_the_mean_row_of_long_tailed_data_weighs_a_sixth() -> None:
    counts = np.array([5000 * 0.01 ** (i / 9) for i in range(10)]).astype(int)
    by_classes = effective_number(counts, normalise="classes")
    assert counts / counts.sum() @ by_classes == pytest.approx(0.17, abs=0.02)
    np.testing.assert_array_equal(effective_number(counts, normalise="batch"), by_classes)


@pytest.mark.parametrize("soft", [False, True])
def test_normalised_over_the_batch_the_mean_is_the_weighted_mean(soft: bool) -> None:
    rng = np.random.default_rng(0)
    w, losses = inverse_frequency(COUNTS), rng.random(40)
    q = rng.dirichlet(np.ones(4), 40) if soft else np.eye(4)[rng.integers(4, size=40)]
    targets = torch.from_numpy(q) if soft else torch.from_numpy(q.argmax(1))
    rows = weights_of_rows(torch.from_numpy(w), targets)
    np.testing.assert_allclose(rows, q @ w)
    normalised = weights_of_rows(torch.from_numpy(w), targets, normalised=True).numpy()
    np.testing.assert_allclose(normalised, (q @ w) / (q @ w).mean())
    assert (normalised * losses).mean() == pytest.approx((q @ w @ losses) / (q @ w).sum())
    if not soft:
        logits = torch.randn(40, 4, dtype=torch.float64)
        ours = (torch.from_numpy(normalised) * cross_entropy(logits, targets)).mean()
        torch.testing.assert_close(ours, functional.cross_entropy(logits, targets, weight=torch.from_numpy(w)))


def test_a_batch_that_weighs_nothing_stays_finite() -> None:
    assert weights_of_rows(torch.tensor([0.0, 1.0]), torch.tensor([0, 0]), normalised=True).tolist() == [0, 0]


def test_equations() -> None:
    n = np.array(COUNTS, dtype=float)
    np.testing.assert_allclose(inverse_frequency(COUNTS), n.sum() / (4 * n))
    np.testing.assert_allclose(inverse_frequency(COUNTS, "classes"), 4 * (1 / n) / (1 / n).sum())
    raw = (1 - 0.999) / (1 - 0.999**n)
    np.testing.assert_allclose(effective_number(COUNTS, 0.999), raw * n.sum() / (n @ raw))
    np.testing.assert_allclose(effective_number(COUNTS, 0.999, "classes"), 4 * raw / raw.sum())
    effective = ClassProfile(COUNTS).effective_number(0.999)
    np.testing.assert_allclose(effective_number(COUNTS, 0.999, "classes") * effective, [4 / raw.sum()] * 4)


def test_effective_number_lies_between_equal_weights_and_inverse_frequency() -> None:
    np.testing.assert_allclose(effective_number(COUNTS, 0), np.ones(4))
    np.testing.assert_allclose(effective_number(COUNTS, 1 - 1e-9), inverse_frequency(COUNTS), rtol=1e-4)


def test_the_effective_number_is_exact_for_small_classes() -> None:
    beta = Fraction(9999, 10_000)
    exact = [float((1 - beta) / (1 - beta**n)) for n in (3, 1)]
    weights = effective_number((3, 1), 0.9999, "classes")
    np.testing.assert_allclose(weights, 2 * np.array(exact) / sum(exact), rtol=1e-9)


def test_an_empty_class_gets_1_and_takes_nothing_from_the_others() -> None:
    for rule in (inverse_frequency, effective_number):
        with_empty = rule((*COUNTS, 0))
        np.testing.assert_allclose(with_empty, [*rule(COUNTS), 1.0])


def test_counts_may_be_a_tensor() -> None:
    np.testing.assert_array_equal(inverse_frequency(torch.tensor(COUNTS)), inverse_frequency(COUNTS))


def test_on_class_indices_the_weighted_sum_is_torchs_up_to_the_normalisation_and_on_soft_targets_not() -> None:
    logits, targets = torch.randn(40, 4, dtype=torch.float64), torch.randint(4, (40,))
    w = torch.from_numpy(inverse_frequency(COUNTS))
    ours = (functional.one_hot(targets, 4).double() @ w) * cross_entropy(logits, targets)
    torch.testing.assert_close(ours, functional.cross_entropy(logits, targets, weight=w, reduction="none"))
    torch.testing.assert_close(ours.sum() / w[targets].sum(), functional.cross_entropy(logits, targets, weight=w))
    q = torch.rand(40, 4, dtype=torch.float64).softmax(1)
    torchs = functional.cross_entropy(logits, q, weight=w, reduction="none")  # sum_k w_k q_k (-log p_k)
    assert not torch.allclose((q @ w) * cross_entropy(logits, q), torchs, rtol=0.05)


def test_class_balanced_with_beta_0_is_cross_entropy() -> None:
    logits, q = torch.randn(9, 4, dtype=torch.float64), torch.rand(9, 4, dtype=torch.float64).softmax(1)
    w = torch.from_numpy(effective_number(COUNTS, 0))
    torch.testing.assert_close((q @ w) * cross_entropy(logits, q), cross_entropy(logits, q))


@given(start=st.floats(0, 1), progress=st.floats(0, 1))
def test_deferred_weights_are_1_before_their_start(start: float, progress: float) -> None:
    weights = inverse_frequency(COUNTS)
    wanted = weights if progress >= start else np.ones(4)
    np.testing.assert_array_equal(deferred(weights, start)(progress), wanted)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^beta must lie in \[0, 1\), however: beta=1"):
        effective_number(COUNTS, 1)
    with pytest.raises(ValueError, match=r"^start must lie between 0 and 1, however: start=1\.5"):
        deferred(np.ones(2), 1.5)
    with pytest.raises(ValueError, match=r"^normalise must be 'classes', 'rows' or 'batch', however: normalise='sum'"):
        inverse_frequency(COUNTS, "sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^counts must be zero or more with at least one sample"):
        inverse_frequency((0, 0))

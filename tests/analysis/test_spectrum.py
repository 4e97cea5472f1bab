"""Eigenvalues, traces and densities against matrices that are known whole, and against PyHessian's algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.analysis.spectrum import (
    Floats,
    Product,
    check_deterministic,
    lanczos,
    largest_eigenvalues,
    spectrum,
    trace,
)
from tailtune.errors import TailtuneError


def with_eigenvalues(values: Floats, seed: int = 0) -> Floats:
    """A symmetric matrix that has them, in a random basis."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return np.asarray((basis * values) @ basis.T)


def by_deflation(product: Product, size: int, k: int, iterations: int = 2000, tolerance: float = 1e-12) -> Floats:
    """Yao and others 2020, "PyHessian", algorithms of sections 2 and A: power iteration, found vectors taken out."""
    random = np.random.default_rng(7)
    values: list[float] = []
    vectors: list[Floats] = []
    for _ in range(k):
        v, value = random.standard_normal(size), np.inf
        for _ in range(iterations):
            v = v - sum((v @ u) * u for u in vectors)
            v = v / np.linalg.norm(v)
            new = product(v)
            before, value = value, float(new @ v)
            if abs(value - before) <= tolerance * abs(value):
                break
            v = new
        values.append(value)
        vectors.append(v / np.linalg.norm(v))
    return np.array(values)


@given(st.lists(st.floats(-20, 20), min_size=3, max_size=40), st.integers(1, 3), st.booleans())
@settings(max_examples=25, deadline=None)
def test_largest_eigenvalues_are_those_of_the_whole_matrix(values: list[float], k: int, by_magnitude: bool) -> None:
    matrix = with_eigenvalues(np.array(values))
    every = np.linalg.eigvalsh(matrix)
    key = np.abs(every) if by_magnitude else every
    found = largest_eigenvalues(lambda v: matrix @ v, len(values), k, tolerance=1e-12, by_magnitude=by_magnitude)
    np.testing.assert_allclose(
        np.abs(found) if by_magnitude else found, np.sort(key)[::-1][:k], rtol=1e-7, atol=1e-7 * max(1, key.max())
    )


def test_largest_eigenvalues_agree_with_power_iteration_and_deflation() -> None:
    values = np.concatenate([[9.0, -7.0, 5.0, 4.0], np.linspace(0, 1, 60)])
    matrix = with_eigenvalues(values)
    ours = largest_eigenvalues(lambda v: matrix @ v, 64, 4, tolerance=1e-10, by_magnitude=True)
    np.testing.assert_allclose(ours, [9, -7, 5, 4], rtol=1e-9)
    np.testing.assert_allclose(by_deflation(lambda v: matrix @ v, 64, 4), ours, rtol=1e-6)


def test_small_matrices_are_made_whole_and_negative_eigenvalues_are_kept() -> None:
    diagonal = np.array([3.0, -7.0, 1.0, 0.5])
    assert largest_eigenvalues(lambda v: diagonal * v, 4, k=4).tolist() == [3.0, 1.0, 0.5, -7.0]
    assert largest_eigenvalues(lambda v: diagonal * v, 4, k=2, by_magnitude=True).tolist() == [-7.0, 3.0]
    assert trace(lambda v: diagonal * v, 4, draws=2) == (-2.5, 0.0)  # signs cancel on a diagonal


def test_the_standard_error_of_a_trace_is_that_of_random_signs() -> None:
    matrix = with_eigenvalues(np.linspace(-1, 5, 30))
    found = np.array([trace(lambda v: matrix @ v, 30, draws=20, seed=seed) for seed in range(200)])
    expected = np.sqrt(2 * ((matrix**2).sum() - (np.diag(matrix) ** 2).sum()) / 20)  # of v' A v over draws
    assert abs(found[:, 0].mean() - np.trace(matrix)) < 4 * expected / np.sqrt(200)
    assert found[:, 0].std() == pytest.approx(expected, rel=0.2)
    assert found[:, 1].mean() == pytest.approx(expected, rel=0.1)


def test_lanczos_ends_where_the_vectors_span_all() -> None:
    diagonal = np.repeat([1.0, 2.0, 5.0], 4)
    a, b = lanczos(lambda v: diagonal * v, np.ones(12), steps=10)
    assert (len(a), len(b)) == (3, 2)
    np.testing.assert_allclose(np.linalg.eigvalsh(np.diag(a) + np.diag(b, 1) + np.diag(b, -1)), [1, 2, 5])
    a, b = lanczos(lambda v: 0 * v, np.ones(3), steps=3)
    assert (a.tolist(), b.tolist()) == ([0.0], [])


def test_moments_of_the_density_are_those_of_the_starts() -> None:
    """Gauss quadrature: a draw of m steps is exact for powers up to 2 m - 1 of v' A^p v."""
    matrix = with_eigenvalues(np.linspace(-2, 3, 50), seed=3)
    found = spectrum(lambda v: matrix @ v, 50, steps=5, draws=1, seed=4)
    start = np.random.default_rng(4).standard_normal(50)
    start /= np.linalg.norm(start)
    for power in range(10):
        expected = start @ np.linalg.matrix_power(matrix, power) @ start
        assert found.weights @ found.values**power == pytest.approx(expected, rel=1e-8)


def test_the_density_is_that_of_all_eigenvalues() -> None:
    values = np.concatenate([np.full(150, 0.0), np.full(40, 2.0), np.full(10, 5.0)])
    found = spectrum(lambda v: values * v, 200, steps=10, draws=400)
    assert found.weights.sum() == pytest.approx(1)
    for value, share in ((0.0, 0.75), (2.0, 0.2), (5.0, 0.05)):
        assert found.weights[np.abs(found.values - value) < 1e-6].sum() == pytest.approx(share, abs=0.01)
    at = np.linspace(-1, 6, 701)
    density = found.density(at, width=0.1)
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-3)
    expected = sum(
        share * np.exp(-(((at - value) / 0.1) ** 2) / 2) / (0.1 * np.sqrt(2 * np.pi))
        for value, share in ((0.0, 0.75), (2.0, 0.2), (5.0, 0.05))
    )
    np.testing.assert_allclose(density, expected, atol=0.05)


def test_products_that_change_are_refused() -> None:
    random = np.random.default_rng(0)
    check_deterministic(lambda v: 2 * v, 5)
    check_deterministic(lambda v: 0 * v, 5)
    with pytest.raises(TailtuneError, match="two different products; give the same rows"):
        check_deterministic(lambda v: v * random.standard_normal(5), 5)
    with pytest.raises(TailtuneError, match="two different products"):
        check_deterministic(lambda v: v * np.nan, 5)


def test_what_cannot_be_found_is_refused() -> None:
    with pytest.raises(TailtuneError, match="there are 1 to 4 eigenvalues, however: k=5"):
        largest_eigenvalues(lambda v: v, 4, k=5)
    with pytest.raises(TailtuneError, match="2 draws or more"):
        trace(lambda v: v, 4, draws=1)
    for steps, draws in ((0, 1), (1, 0)):
        with pytest.raises(TailtuneError, match="1 step and 1 draw or more"):
            spectrum(lambda v: v, 4, steps, draws)

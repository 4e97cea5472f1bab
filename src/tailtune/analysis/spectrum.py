"""Eigenvalues, trace and spectral density of a symmetric matrix of which only products with vectors are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

Floats = NDArray[np.float64]
Product = Callable[[Floats], Floats]

SAME = 1e-3  # of a product's length, by which two of one vector may differ: float32 sums in another order


def check_deterministic(product: Product, size: int, seed: int = 0) -> None:
    """Multiply one vector twice.

    Raises:
        TailtuneError: the two products differ, so that rows or network are drawn anew and there is no one matrix.
    """
    vector = np.random.default_rng(seed).standard_normal(size)
    first, second = product(vector), product(vector)
    differ = np.linalg.norm(first - second)
    if not differ <= SAME * np.linalg.norm(first):
        raise TailtuneError(
            "two passes over the rows give two different products; give the same rows at each pass, not augmented or "
            "drawn, and a network that draws nothing in evaluation mode"
        )


def largest_eigenvalues(
    product: Product, size: int, k: int = 10, seed: int = 0, tolerance: float = 1e-4, by_magnitude: bool = False
) -> Floats:
    """Return the `k` largest eigenvalues of a symmetric matrix, largest first, by Lanczos with restarts (ARPACK).

    Args:
        product: the matrix times a vector.
        size: of the matrix; the whole of it is made where it is hardly larger than `k`.
        k: how many.
        seed: of the start.
        tolerance: relative, of the eigenvalues.
        by_magnitude: take those farthest from 0, whose magnitudes are the largest singular values; with their signs.

    Raises:
        TailtuneError: `k` is not from 1 to `size`, or the eigenvalues were not found.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    if not 1 <= k <= size:
        raise TailtuneError(f"of a matrix of {size} rows there are 1 to {size} eigenvalues, however: {k=}")
    if size <= 2 * k + 1:
        whole = np.stack([product(unit) for unit in np.eye(size)])
        found = np.linalg.eigvalsh((whole + whole.T) / 2)
    else:
        start = np.random.default_rng(seed).standard_normal(size)
        operator: Any = LinearOperator((size, size), matvec=product, dtype=np.float64)
        which = "LM" if by_magnitude else "LA"
        try:
            found = eigsh(operator, k, which=which, v0=start, tol=tolerance, return_eigenvectors=False)
        except ArpackNoConvergence as error:
            raise TailtuneError(
                f"{len(error.eigenvalues)} of {k} eigenvalues were found; take a larger tolerance"
            ) from error
    order = np.argsort(-np.abs(found) if by_magnitude else -found, kind="stable")
    return np.asarray(found[order][:k])


def trace(product: Product, size: int, draws: int = 64, seed: int = 0) -> tuple[float, float]:
    """Return an estimate of the trace of a symmetric matrix, and its standard error (Hutchinson 1989).

    It is the mean of v' H v over vectors v of random signs.

    Raises:
        TailtuneError: fewer than two draws, of which there is no standard error.
    """
    if draws < 2:
        raise TailtuneError(f"a trace with its standard error takes 2 draws or more, however: {draws=}")
    random = np.random.default_rng(seed)
    signs = (random.choice([-1.0, 1.0], size) for _ in range(draws))
    found = np.array([sign @ product(sign) for sign in signs])
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(draws))


def lanczos(product: Product, start: Floats, steps: int) -> tuple[Floats, Floats]:
    """Return the diagonal and the off-diagonal of the tridiagonal matrix that `steps` steps from `start` [P] lead to.

    Each new vector is made orthogonal to all before it, twice, because rounding would otherwise bring eigenvalues back
    as copies. It ends early where the vectors span all that `start` reaches.
    """
    most = min(steps, len(start))
    basis = np.empty((most, len(start)))
    basis[0] = start / np.linalg.norm(start)
    diagonal: list[float] = []
    beside: list[float] = []
    scale = 0.0
    for step in range(most):
        known = basis[: step + 1]
        new = product(basis[step])
        diagonal.append(float(new @ basis[step]))
        for _ in range(2):
            new = new - known.T @ (known @ new)
        length = float(np.linalg.norm(new))
        scale = max(scale, abs(diagonal[-1]), length)
        if step == most - 1 or length <= 1e-10 * scale:
            break
        beside.append(length)
        basis[step + 1] = new / length
    return np.array(diagonal), np.array(beside)


@dataclass(frozen=True)
class Spectrum:
    """Where the eigenvalues of a matrix lie, by stochastic Lanczos quadrature.

    Attributes:
        values: nodes of all draws.
        weights: of the nodes; they sum to 1, the share of all eigenvalues.
    """

    values: Floats
    weights: Floats

    def density(self, at: Floats, width: float) -> Floats:
        """Return the density of eigenvalues at `at` [M], each node drawn as a normal curve of this `width`."""
        z = (at[:, None] - self.values[None]) / width
        return np.asarray(np.exp(-(z**2) / 2) @ self.weights / (width * np.sqrt(2 * np.pi)))


def spectrum(product: Product, size: int, steps: int = 40, draws: int = 4, seed: int = 0) -> Spectrum:
    """Return nodes and weights whose weighted means of functions f estimate the mean of f over all eigenvalues.

    Each draw starts `lanczos` at a random vector; eigenvalues of the small matrix are the nodes, squares of the first
    entries of its eigenvectors their weights. A draw is exact for polynomials up to degree 2 `steps` - 1 of its own
    start; that starts are few is the error that remains.

    Args:
        product: the matrix times a vector.
        size: of the matrix.
        steps: products of each draw; as many vectors of `size` are held.
        draws: starts.
        seed: of the starts.

    Raises:
        TailtuneError: no step or no draw.

    Source: Ubaru, Chen and Saad 2017, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature"; of networks,
    Ghorbani, Krishnan and Xiao 2019.
    """
    from scipy.linalg import eigh_tridiagonal

    if steps < 1 or draws < 1:
        raise TailtuneError(f"a spectral density takes 1 step and 1 draw or more, however: {steps=}, {draws=}")
    random = np.random.default_rng(seed)
    values, weights = [], []
    for _ in range(draws):
        nodes, vectors = eigh_tridiagonal(*lanczos(product, random.standard_normal(size), steps))
        values.append(nodes)
        weights.append(vectors[0] ** 2 / draws)
    return Spectrum(np.concatenate(values), np.concatenate(weights))

"""Focal-SAM against its equation in NumPy float64 for a linear softmax model, and against SAM and the base alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.optim.focal_sam import FocalSAM, focal_shares
from tailtune.optim.sam import SAM

Floats = NDArray[np.float64]
COUNTS = (80, 15, 5)
LR = 0.7


def gradient(w: Floats, x: Floats, q: Floats, weights: Floats) -> Floats:
    """Gradient of (1/N) sum_i weight_i CE_i for logits x w^T."""
    e = np.exp(x @ w.T)
    return (weights[:, None] * (e / e.sum(1, keepdims=True) - q)).T @ x / len(x)


def reference_step(w: Floats, x: Floats, q: Floats, rho: float, gamma: float, sharpness: float) -> Floats:
    """One step: L(w) + sum_k s_k [L_k(w + eps) - L_k(w)], s_k = sharpness (1 - pi_k)^gamma."""
    s = q @ (sharpness * (1 - np.array(COUNTS) / 100) ** gamma)
    climb = gradient(w, x, q, s)
    norm = np.linalg.norm(climb)
    above = w + (rho * climb / norm if norm > 0 else 0)
    return w - LR * (gradient(w, x, q, np.ones(len(x))) + gradient(above, x, q, s) - climb)


def step(kind: Any, w: Floats, x: Floats, q: Any, *arguments: Any, **settings_: Any) -> Floats:
    model = nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w))
    base = torch.optim.SGD(model.parameters(), lr=LR)
    optimizer = kind(base, *arguments, **settings_)

    def closure() -> Any:
        targets = torch.from_numpy(q)
        return functional.cross_entropy(model(torch.from_numpy(x)), targets, reduction="none"), targets

    optimizer.step(closure)
    return np.asarray(model.weight.detach().numpy())


def rows(seed: int, n: int = 9) -> tuple[Floats, Floats, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(n, 4)), rng.integers(3, size=n)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    soft=st.booleans(),
    n=st.integers(1, 12),
    gamma=st.floats(0, 5),
    sharpness=st.floats(0.01, 1),
)
def test_a_step_is_the_equation(seed: int, soft: bool, n: int, gamma: float, sharpness: float) -> None:
    w, x, hard = rows(seed, n)
    q = np.random.default_rng(seed).dirichlet(np.full(3, 0.5), size=n) if soft else np.eye(3)[hard]
    ours = step(FocalSAM, w, x, q if soft else hard, COUNTS, rho=0.2, gamma=gamma, sharpness=sharpness)
    np.testing.assert_allclose(ours, reference_step(w, x, q, 0.2, gamma, sharpness), atol=1e-9)


def test_gamma_zero_with_full_sharpness_is_sam_and_no_sharpness_is_the_base() -> None:
    w, x, hard = rows(0)
    sam = step(SAM, w, x, hard, rho=0.2)
    np.testing.assert_allclose(step(FocalSAM, w, x, hard, COUNTS, rho=0.2, gamma=0.0, sharpness=1.0), sam, atol=1e-12)
    plain = w - LR * gradient(w, x, np.eye(3)[hard], np.ones(len(x)))
    np.testing.assert_allclose(step(FocalSAM, w, x, hard, COUNTS, sharpness=0.0), plain, atol=1e-12)
    assert not np.allclose(step(FocalSAM, w, x, hard, COUNTS), sam)


def test_rarer_classes_count_more() -> None:
    shares = focal_shares(COUNTS)
    assert np.all(np.diff(shares) > 0)
    np.testing.assert_allclose(focal_shares(COUNTS, gamma=0.0, sharpness=0.3), 0.3)


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"gamma": float("inf")}, {"sharpness": 1.5}, {"sharpness": -0.1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(TailtuneError, match="gamma must be 0 or more and sharpness in"):
        focal_shares(COUNTS, **wrong)

"""SSE-SAM's first stage against its equation in NumPy float64, against ImbSAM and the base; and its schedule."""

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

from tailtune import ClassProfile
from tailtune.errors import TailtuneError
from tailtune.methods.sse_sam import sse_sam
from tailtune.optim.imbsam import ImbSAM
from tailtune.optim.schedules import warmup_cosine
from tailtune.optim.sse_sam import HeadAndTailSAM

Floats = NDArray[np.float64]
COUNTS = (80, 15, 5)  # by the default threshold the last two are tail classes
TAIL = np.array([0.0, 1.0, 1.0])
LR = 0.7


def gradient(w: Floats, x: Floats, q: Floats, weights: Floats) -> Floats:
    """Gradient of (1/N) sum_i weight_i CE_i for logits x w^T."""
    e = np.exp(x @ w.T)
    return (weights[:, None] * (e / e.sum(1, keepdims=True) - q)).T @ x / len(x)


def reference_step(w: Floats, x: Floats, q: Floats, rhos: tuple[float, float]) -> Floats:
    total = np.zeros_like(w)
    for mass, rho in zip((1 - q @ TAIL, q @ TAIL), rhos, strict=True):
        climb = gradient(w, x, q, mass)
        norm = np.linalg.norm(climb)
        total += gradient(w + (rho * climb / norm if norm > 1e-12 else 0), x, q, mass)
    return w - LR * total


def step(kind: Any, w: Floats, x: Floats, q: Any, **arguments: Any) -> Floats:
    model = nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w))
    optimizer = kind(torch.optim.SGD(model.parameters(), lr=LR), COUNTS, **arguments)

    def closure() -> Any:
        targets = torch.from_numpy(q)
        return functional.cross_entropy(model(torch.from_numpy(x)), targets, reduction="none"), targets

    optimizer.step(closure)
    return np.asarray(model.weight.detach().numpy())


def rows(seed: int, n: int = 9) -> tuple[Floats, Floats, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(n, 4)), rng.integers(3, size=n)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 12), st.floats(0, 0.5), st.floats(0.01, 0.5))
def test_a_step_is_the_equation(seed: int, soft: bool, n: int, head: float, tail: float) -> None:
    w, x, hard = rows(seed, n)
    q = np.random.default_rng(seed).dirichlet(np.full(3, 0.5), size=n) if soft else np.eye(3)[hard]
    ours = step(HeadAndTailSAM, w, x, q if soft else hard, head_rho=head, tail_rho=tail)
    np.testing.assert_allclose(ours, reference_step(w, x, q, (head, tail)), atol=1e-9)


def test_without_a_head_radius_it_is_imbsam_and_without_any_the_base() -> None:
    w, x, hard = rows(0)
    np.testing.assert_allclose(
        step(HeadAndTailSAM, w, x, hard, head_rho=0.0, tail_rho=0.2), step(ImbSAM, w, x, hard, rho=0.2), atol=1e-12
    )
    plain = w - LR * gradient(w, x, np.eye(3)[hard], np.ones(len(x)))
    np.testing.assert_allclose(step(HeadAndTailSAM, w, x, hard, head_rho=0.0, tail_rho=0.0), plain, atol=1e-12)


def test_both_stages_follow_one_cosine() -> None:
    first, second = sse_sam(ClassProfile(COUNTS), switch=0.6).stages
    assert (first.share, second.share) == (0.6, pytest.approx(0.4))
    assert first.schedule is not None
    assert second.schedule is not None
    ours = [first.schedule(i, 60, 6) for i in range(60)] + [second.schedule(i, 40, 4) for i in range(40)]
    np.testing.assert_allclose(ours, [warmup_cosine(i, 100, 10) for i in range(100)])


@pytest.mark.parametrize("wrong", [0.0, 1.0, -1.0])
def test_a_switch_out_of_range_and_a_negative_radius_are_refused(wrong: float) -> None:
    with pytest.raises(TailtuneError, match="switch is the share of the epochs"):
        sse_sam(ClassProfile(COUNTS), switch=wrong)
    with pytest.raises(TailtuneError, match="head_rho and tail_rho must be 0 or more"):
        HeadAndTailSAM(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1), COUNTS, head_rho=-0.1)

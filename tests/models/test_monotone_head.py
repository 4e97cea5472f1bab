"""The isotonic regression against scikit-learn's, its gradient by differences, and the head against its equation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression
from torch import nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import CosineHead
from tailtune.models.monotone_head import MonotoneHead, isotonic


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12))
def test_it_is_scikit_learns_isotonic_regression(values: list[float]) -> None:
    ours = isotonic(torch.tensor(values, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(ours, isotonic_regression(np.array(values)), atol=1e-9)


def test_gradients_are_those_of_the_pooled_means() -> None:
    y = torch.tensor([0.3, 2.0, 1.0, 0.5, 4.0, 3.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(isotonic, (y,))


def reference(w: np.ndarray, b: np.ndarray, free: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> tuple:
    """Weights and biases in NumPy."""
    order = np.argsort(counts, kind="stable")
    scales = []
    for each in free:
        fitted = np.empty(len(counts))
        fitted[order] = isotonic_regression(each[order])
        scales.append(np.exp(1 / (np.log1p(np.exp(fitted)) + 2e-6)))
    return w / np.linalg.norm(w, axis=1, keepdims=True) * scales[0][:, None], scales[1] + b


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_head_is_its_equation_and_rarer_classes_have_no_shorter_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, size=5)
    linear = nn.Linear(4, 5, dtype=torch.float64)
    w, b = (p.detach().numpy().copy() for p in (linear.weight, linear.bias))
    head = MonotoneHead(linear, counts)
    free = rng.normal(size=(2, 5))
    with torch.no_grad():
        head.of_weights.copy_(torch.from_numpy(free[0]))
        head.of_biases.copy_(torch.from_numpy(free[1]))
    weight, bias = reference(w, b, (free[0], free[1]), counts)
    x = rng.normal(size=(6, 4))
    np.testing.assert_allclose(head(torch.from_numpy(x)).detach().numpy(), x @ weight.T + bias, rtol=1e-9)
    folded = head.folded()
    np.testing.assert_allclose(folded(torch.from_numpy(x)).detach().numpy(), x @ weight.T + bias, rtol=1e-9)
    norms = folded.weight.norm(dim=1).detach().numpy()[np.argsort(counts, kind="stable")]
    assert np.all(np.diff(norms) <= 1e-9)


def test_norms_stay_monotone_in_training_and_everything_of_the_head_learns() -> None:
    torch.manual_seed(0)
    counts = (80, 15, 5)
    x, y = torch.randn(100, 6), torch.tensor([0] * 80 + [1] * 15 + [2] * 5)
    head = MonotoneHead(nn.Linear(6, 3), counts)
    before = [p.detach().clone() for p in head.parameters()]
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(x), y)
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    assert len(before) == 4
    assert all(not torch.equal(p, old) for p, old in zip(head.parameters(), before, strict=True))
    norms = head.folded().weight.norm(dim=1)
    assert norms[0] <= norms[1] <= norms[2]


def test_equal_classes_start_equal_and_other_heads_are_refused() -> None:
    norms = MonotoneHead(nn.Linear(4, 3), (5, 5, 5)).folded().weight.norm(dim=1)
    assert torch.allclose(norms, norms[0])
    with pytest.raises(TailtuneError, match="need a linear head with biases, however: CosineHead"):
        MonotoneHead(CosineHead(4, 3), (1, 1, 1))
    with pytest.raises(TailtuneError, match="a head of 3 classes needs as many counts, however: 2"):
        MonotoneHead(nn.Linear(4, 3), (1, 1))

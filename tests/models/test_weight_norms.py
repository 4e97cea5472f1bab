"""Tau-normalisation: its equation, its identities, and how tau is chosen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import CosineHead
from tailtune.models.weight_norms import GRID, choose_tau, tau_normalised


def head(weights: list[list[float]], biases: list[float]) -> nn.Linear:
    linear = nn.Linear(len(weights[0]), len(weights)).double()
    linear.weight.data.copy_(torch.tensor(weights, dtype=torch.float64))
    linear.bias.data.copy_(torch.tensor(biases, dtype=torch.float64))
    return linear


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(1, 5), st.floats(0, 2), st.booleans(), st.integers(0, 99))
def test_rows_are_divided_by_their_norm_to_the_power_of_tau(k: int, d: int, tau: float, keep: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, b, x = rng.normal(size=(k, d)) + 0.1, rng.normal(size=k), rng.normal(size=(7, d))
    scaled = tau_normalised(head(w.tolist(), b.tolist()), tau, keep_bias=keep)
    expected = x @ (w / np.linalg.norm(w, axis=1, keepdims=True) ** tau).T + (b if keep else 0)
    np.testing.assert_allclose(scaled(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-9, atol=1e-9)


def test_tau_zero_with_the_bias_kept_is_the_identity() -> None:
    linear = nn.Linear(5, 3)
    same = tau_normalised(linear, 0.0, keep_bias=True)
    assert torch.equal(same.weight, linear.weight)
    assert torch.equal(same.bias, linear.bias)
    assert torch.equal(tau_normalised(linear, 0.0).weight, linear.weight)
    assert not tau_normalised(linear, 0.0).bias.any()


def test_tau_one_makes_unit_rows_and_a_row_of_zeros_stays() -> None:
    scaled = tau_normalised(head([[3.0, 4.0], [0.0, 0.0]], [1.0, 2.0]), 1.0)
    assert scaled.weight.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]
    assert tau_normalised(nn.Linear(3, 2, bias=False), 1.0).bias is None


def test_tau_is_chosen_by_balanced_accuracy_with_ties_in_the_middle() -> None:
    """With weights of length 9 and 1 along x and y a feature (1, a) is of class 1 if a > 9^(1 - tau)."""
    linear = head([[9.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    frequent, rare = [[1.0, 0.5]] * 20, [[1.0, 2.0]]
    features = torch.tensor(frequent + rare).double()
    targets = torch.tensor([0] * 20 + [1])
    good = [tau for tau in GRID if 0.5 < 9 ** (1 - tau) < 2]
    assert len(good) == 7
    assert choose_tau(linear, features, targets) == good[3]
    only = choose_tau(linear, features[:20], targets[:20])  # a class without rows: no NaN
    assert only == [tau for tau in GRID if 9 ** (1 - tau) > 0.5][6]  # 0 to 1.3


def test_tau_restores_what_long_weights_of_frequent_classes_took_away() -> None:
    torch.manual_seed(0)
    directions = torch.eye(4).double()
    targets = torch.arange(4).repeat(50)
    features = 2 * directions[targets] + 0.3 * torch.randn(200, 4).double()
    long = nn.Linear(4, 4).double()
    long.weight.data.copy_(directions * torch.tensor([8.0, 4.0, 2.0, 1.0])[:, None])
    tau = choose_tau(long, features, targets)
    assert 0.7 <= tau <= 1.3
    right = [(tau_normalised(long, t)(features).argmax(1) == targets).double().mean().item() for t in (0.0, tau)]
    assert right[1] > 0.99 > 0.95 > right[0]


def test_wrong_heads_and_taus_are_refused() -> None:
    with pytest.raises(TailtuneError, match="needs a linear head, however: CosineHead"):
        tau_normalised(CosineHead(4, 3), 1.0)
    with pytest.raises(TailtuneError, match="tau must be 0 or more"):
        tau_normalised(nn.Linear(4, 3), -1.0)

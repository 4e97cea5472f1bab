"""SAM-A with an ascent for every class, against its equations in NumPy float64 for a linear softmax model."""

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
from tailtune.optim.grouped_sama import GroupedSAMA
from tailtune.optim.sam import SAM
from tailtune.profile import per_class

Floats = NDArray[np.float64]

COUNTS = (80, 15, 5)


def gradient(w: Floats, x: Floats, q: Floats, shares: Floats) -> Floats:
    """Gradient of sum_i share_i CE_i for logits x w^T."""
    e = np.exp(x @ w.T)
    return (shares[:, None] * (e / e.sum(1, keepdims=True) - q)).T @ x


def reference_step(w: Floats, x: Floats, q: Floats, lr: float, radii: Floats, aux: float) -> Floats:
    """One step; the auxiliary term is aux * sum(w^2) / 2, whose gradient is aux * w."""
    total = np.zeros_like(w)
    for k, radius in enumerate(radii):
        shares = q[:, k] / len(x)
        if shares.any():
            ascent = gradient(w, x, q, shares) + shares.sum() * aux * w
            away = w + radius * ascent / np.linalg.norm(ascent)
            total += gradient(away, x, q, shares) + shares.sum() * aux * away
    return w - lr * total


def linear_step(w: Floats, x: Floats, q: NDArray[Any], aux: float = 0.0, **arguments: Any) -> tuple[Floats, int]:
    """The weights after a step, and how many forward passes it took."""
    model = nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w))
    optimizer = GroupedSAMA(torch.optim.SGD(model.parameters(), lr=0.7), COUNTS, **arguments)
    passes = 0

    def closure() -> Any:
        nonlocal passes
        passes += 1
        targets = torch.from_numpy(q)
        losses = functional.cross_entropy(model(torch.from_numpy(x)), targets, reduction="none")
        return (losses, targets, aux * model.weight.square().sum() / 2) if aux else (losses, targets)

    optimizer.step(closure)
    return model.weight.detach().numpy(), passes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), soft=st.booleans(), n=st.integers(1, 12), aux=st.sampled_from([0.0, 0.4]))
@pytest.mark.parametrize("rule", ["inverse", "printed"])
def test_a_step_is_the_equation(rule: Any, seed: int, soft: bool, n: int, aux: float) -> None:
    rng = np.random.default_rng(seed)
    w, x, hard = rng.normal(size=(3, 4)), rng.normal(size=(n, 4)), rng.integers(3, size=n)
    q = rng.dirichlet(np.full(3, 0.5), size=n) if soft else np.eye(3)[hard]
    radii = np.minimum(per_class(0.2, COUNTS, rule=rule, cap=2.0), 2.0 * 0.2)
    wanted = reference_step(w, x, q, 0.7, radii, aux)
    ours, passes = linear_step(w, x, q if soft else hard, aux, rho=0.2, rule=rule, cap=2.0)
    np.testing.assert_allclose(ours, wanted, atol=1e-10)
    assert passes == 1 + (q.sum(0) > 0).sum()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()


def test_a_batch_of_one_class_is_a_step_of_sam_with_its_radius_and_so_are_the_running_statistics() -> None:
    first, second = network(), network()
    x, targets = torch.randn(8, 4, dtype=torch.float64), torch.full((8,), 1)
    radius = per_class(0.1, COUNTS)[1]
    for model, optimizer in (
        (first, SAM(torch.optim.SGD(first.parameters(), lr=0.1), first, rho=radius)),
        (second, GroupedSAMA(torch.optim.SGD(second.parameters(), lr=0.1), COUNTS, second, rho=0.1)),
    ):
        for _ in range(3):
            optimizer.step(lambda m=model: (functional.cross_entropy(m(x), targets, reduction="none"), targets))
    for ours, wanted in zip(second.state_dict().values(), first.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-12, rtol=0)


def test_an_error_in_a_later_pass_leaves_the_weights_as_they_were() -> None:
    model, calls = network(), iter((1, 1, 0))
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    x, targets = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 0, 1, 1, 2, 2])
    optimizer = GroupedSAMA(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS, model)

    def closure() -> Any:
        1 / next(calls)
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    with pytest.raises(ZeroDivisionError):
        optimizer.step(closure)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


def test_a_loss_that_is_not_finite_in_a_later_pass_is_told() -> None:
    model, calls = network(), iter((1.0, 1.0, float("nan")))
    x, targets = torch.randn(4, 4, dtype=torch.float64), torch.tensor([0, 0, 1, 1])
    optimizer = GroupedSAMA(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS, model)
    loss = optimizer.step(
        lambda: (next(calls) * functional.cross_entropy(model(x), targets, reduction="none"), targets)
    )
    assert loss.isnan()


def test_refusals() -> None:
    base = torch.optim.SGD(network().parameters(), lr=0.1)
    with pytest.raises(TailtuneError, match="has no radius for a class"):
        GroupedSAMA(base, COUNTS, rule="official")
    with pytest.raises(TailtuneError, match=r"targets must have shape \[2\] .* or \[2, 3\]"):
        GroupedSAMA(base, COUNTS).step(lambda: (torch.zeros(2, requires_grad=True), torch.zeros(2, 4)))

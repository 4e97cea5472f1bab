"""SWAG's draws against the Gaussian that they are from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tailtune import TailtuneError
from tailtune.bayes.swag import swag


def states(count: int) -> list[dict[str, torch.Tensor]]:
    """Weights of a linear layer along a made-up training."""
    generator = torch.Generator().manual_seed(0)
    return [
        {"weight": torch.randn(2, 3, generator=generator), "bias": torch.randn(2, generator=generator)}
        for _ in range(count)
    ]


def test_draws_have_the_mean_and_half_the_sum_of_both_covariances() -> None:
    visited, model = states(4), nn.Linear(3, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    posterior = swag(model, visited, [], samples=3000, seed=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    rows = np.stack([state["weight"].double().numpy().ravel() for state in visited])
    drawn = np.stack([member["weight"].double().numpy().ravel() for member in posterior.members])
    np.testing.assert_allclose(drawn.mean(0), rows.mean(0), atol=0.06)
    expected = (np.diag(rows.var(0)) + np.cov(rows.T)) / 2
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.12)


def test_batchnorm_belongs_to_each_draw() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    visited = []
    for _ in range(3):
        torch.nn.init.normal_(model[0].weight)
        visited.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
    batch = torch.randn(50, 3)
    for member in swag(model, visited, [(batch,)], samples=2).members:
        inside = batch @ member["0.weight"].T + member["0.bias"]
        torch.testing.assert_close(member["1.running_mean"], inside.mean(0))
        torch.testing.assert_close(member["1.running_var"], inside.var(0))
    one, again = (swag(model, visited, [(batch,)], samples=1, seed=3).members[0] for _ in range(2))
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_too_few_are_refused() -> None:
    with pytest.raises(TailtuneError, match="3 sets of weights or more and 1 sample or more, however: 2 and 30"):
        swag(nn.Linear(3, 2), states(2), [])
    with pytest.raises(TailtuneError, match="however: 3 and 0"):
        swag(nn.Linear(3, 2), states(3), [], samples=0)

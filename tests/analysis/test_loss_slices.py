"""Slices of quadratic losses, whose values are known, and directions against their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune.analysis.loss_slices import (
    along,
    check_same_architecture,
    filter_normalised,
    over,
    random_direction,
)
from tailtune.errors import TailtuneError


class Bowl(nn.Module):
    """Weights w [P, 1], whose loss is w' A w / 2."""

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        root = torch.randn(size, size).double()
        self.matrix = root @ root.T
        self.w = nn.Parameter(torch.randn(size, 1).double())

    def loss(self) -> Tensor:
        return (self.w.T @ self.matrix @ self.w).squeeze().detach() / 2


def at(bowl: Bowl, w: Tensor) -> float:
    return float((w.T @ bowl.matrix @ w).squeeze() / 2)


def test_slices_and_surfaces_of_a_quadratic_loss_are_exact() -> None:
    bowl = Bowl()
    w = bowl.w.detach().clone()
    a, b = (random_direction(bowl, seed) for seed in (1, 2))
    steps = [-1.0, 0.0, 0.3]
    found = along(bowl, bowl.loss, a, steps)
    np.testing.assert_allclose(found, [at(bowl, w + s * a[0]) for s in steps], rtol=1e-12)
    up = [-0.5, 2.0]
    grid = over(bowl, bowl.loss, (a, b), steps, up)
    expected = [[at(bowl, w + s * a[0] + t * b[0]) for s in steps] for t in up]
    np.testing.assert_allclose(grid, expected, rtol=1e-12)
    assert torch.equal(bowl.w.detach(), w)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3, 4)).double()


def test_filters_of_a_direction_are_as_long_as_those_of_the_network() -> None:
    model = network()
    direction = filter_normalised(model, random_direction(model, 0))
    convolution, batchnorm, linear = model[0], model[1], model[4]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(linear, nn.Linear)
    assert isinstance(batchnorm, nn.BatchNorm2d)
    for of, weights in ((direction[0], convolution.weight), (direction[4], linear.weight)):
        for d, w in zip(of, weights, strict=True):
            assert float(d.norm()) == pytest.approx(float(w.detach().norm()))
    assert not any(of.any() for of in (direction[1], direction[2], direction[3], direction[5]))  # biases, batch norm
    drawn = random_direction(model, 0)[4]
    ratio = direction[4] / drawn
    np.testing.assert_allclose(ratio, ratio[:, :1].expand_as(ratio))  # the way of each filter is kept


def test_a_filter_of_zeros_stays_where_it_is() -> None:
    model = nn.Linear(3, 2)
    nn.init.zeros_(model.weight)
    assert not filter_normalised(model, random_direction(model, 0))[0].any()


def test_networks_of_one_architecture_share_directions_and_curves_do_not_depend_on_scale() -> None:
    """A positively homogeneous network: scaling one layer up and the next down changes no answer, nor the curve."""
    torch.manual_seed(3)
    ours = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, bias=False)).double()
    other = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, bias=False)).double()
    other.load_state_dict({"0.weight": ours[0].weight * 10, "2.weight": ours[2].weight / 10})  # type: ignore[operator]
    x, y = torch.randn(20, 4).double(), torch.arange(20) % 3
    assert all(torch.equal(*pair) for pair in zip(random_direction(ours, 5), random_direction(other, 5), strict=True))
    curves = [
        along(
            model,
            lambda model=model: nn.functional.cross_entropy(model(x), y).detach(),  # type: ignore[misc]
            filter_normalised(model, random_direction(model, 5)),
            [-1.0, -0.2, 0.0, 0.7],
        )
        for model in (ours, other)
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-10)


def test_other_architectures_are_refused() -> None:
    check_same_architecture(network(), network())
    with pytest.raises(
        TailtuneError, match=r"differ in weight \(\(2, 3\) and \(2, 4\)\).* name a run of the same model"
    ):
        check_same_architecture(nn.Linear(3, 2), nn.Linear(4, 2))
    with pytest.raises(TailtuneError, match=r"differ in bias \(\(2,\) and none\)"):
        check_same_architecture(nn.Linear(3, 2), nn.Linear(3, 2, bias=False))

"""Sharpness of a quadratic loss in closed form, and the steps against those of our own optimisers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune.analysis.class_losses import class_losses, moved
from tailtune.analysis.loss_matrices import cross_entropy
from tailtune.analysis.sharpness import ascent, rise
from tailtune.errors import TailtuneError
from tailtune.optim.sam import SAM
from tailtune.optim.sama import SAMA
from tailtune.profile import per_class


class Weights(nn.Module):
    """A network that gives its weights for each row."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x: Tensor) -> Tensor:
        return self.w.expand(len(x), -1)


def test_the_sharpness_of_a_quadratic_loss_is_exact() -> None:
    torch.manual_seed(0)
    root = torch.randn(6, 6).double()
    matrix, w, rho = root @ root.T, torch.randn(6).double(), 0.3
    model = Weights(w.clone())

    def loss(logits: Tensor, _: Tensor) -> Tensor:
        return ((logits @ matrix) * logits).sum(1) / 2

    x, targets = torch.zeros(10, 1).double(), torch.zeros(10, dtype=torch.int64)
    step = ascent(model, [((x[:3],), targets[:3]), ((x[3:],), targets[3:])], loss, rho)
    g = matrix @ w
    np.testing.assert_allclose(step[0], rho * g / g.norm(), rtol=1e-12)
    found = rise(model, lambda: loss(model(x), targets).mean().detach(), step)
    expected = rho * g.norm() + rho**2 / 2 * (g @ matrix @ g) / g.norm() ** 2
    assert float(found) == pytest.approx(float(expected))
    assert torch.equal(model.w.detach(), w)


def test_steps_are_those_of_sam_and_sama() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x, targets = torch.randn(60, 4).double(), torch.tensor([0] * 40 + [1] * 15 + [2] * 5)
    counts = (40, 15, 5)
    radii = torch.from_numpy(per_class(1.0, counts))
    before = [parameter.detach().clone() for parameter in model.parameters()]

    def weighted(logits: Tensor, classes: Tensor) -> Tensor:
        return cross_entropy(logits, classes) * radii[classes]

    base = torch.optim.SGD(model.parameters(), lr=0.0)
    for optimiser, loss in ((SAM(base, model, rho=0.1), cross_entropy), (SAMA(base, counts, model, rho=0.1), weighted)):
        optimiser.ascent_loss(cross_entropy(model(x), targets), targets).backward()  # type: ignore[no-untyped-call]
        optimiser.first_step()
        expected = [parameter.detach() - w for parameter, w in zip(model.parameters(), before, strict=True)]
        cross_entropy(model(x), targets).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.second_step()
        step = ascent(model, [((x,), targets)], loss, 0.1)
        for ours, theirs in zip(step, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13)


def test_the_rise_of_each_class_is_the_difference_of_its_losses() -> None:
    torch.manual_seed(0)
    model, x, targets = nn.Linear(3, 3).double(), torch.randn(30, 3).double(), torch.arange(30) % 3
    batches = [((x,), targets)]
    step = ascent(model, batches, cross_entropy, 0.5)
    found = rise(model, lambda: class_losses(model, batches, 3), step)
    before = class_losses(model, batches, 3)
    with moved(model, step):
        after = class_losses(model, batches, 3)
    np.testing.assert_allclose(found, after - before)
    assert float(found.mean()) > 0


def test_no_gradient_no_step_and_no_radius_is_refused() -> None:
    model = Weights(torch.zeros(2).double())
    x, targets = torch.zeros(1, 1).double(), torch.zeros(1, dtype=torch.int64)
    step = ascent(model, [((x,), targets)], lambda logits, _: (logits**2).sum(1), 0.1)
    assert not step[0].any()
    for rho in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(TailtuneError, match="must be a number above 0, however"):
            ascent(model, [], cross_entropy, rho)

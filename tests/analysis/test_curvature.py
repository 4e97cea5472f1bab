"""Products, eigenvalues and traces against the whole Hessian of a small network, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tailtune.analysis.curvature import Batch, Hessian, largest_eigenvalues, trace
from tailtune.errors import TailtuneError


def made() -> tuple[nn.Module, Tensor, Tensor]:
    """A network of 53 parameters with batch normalisation and dropout, and 30 rows of 3 classes."""
    torch.manual_seed(0)
    layers = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3)
    model = nn.Sequential(*layers).double()
    model(torch.randn(50, 4).double())  # moves the running statistics away from where they start
    return model, torch.randn(30, 4).double(), torch.arange(30) % 3


def whole(model: nn.Module, x: Tensor, targets: Tensor) -> np.ndarray:
    """The Hessian by torch.func, over the parameters as one vector."""
    model.eval()
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}

    def loss(flat: Tensor) -> Tensor:
        pieces = flat.split([shape.numel() for shape in shapes.values()])
        weights = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        return nn.functional.cross_entropy(functional_call(model, weights, x), targets)

    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return np.asarray(torch.func.hessian(loss)(flat))


@pytest.mark.parametrize("size", [30, 7])
def test_the_hessian_by_products_is_the_whole_one(size: int) -> None:
    model, x, targets = made()
    model.train()

    def batches() -> Iterator[Batch]:
        return (((a,), b) for a, b in zip(x.split(size), targets.split(size), strict=True))

    hessian = Hessian(model, batches)
    statistics = model[1].running_mean.clone()  # type: ignore[union-attr, operator, index]
    found = np.stack([hessian.product(unit) for unit in np.eye(hessian.size)])
    assert model.training
    assert torch.equal(model[1].running_mean, statistics)  # type: ignore[arg-type, index]
    expected = whole(model, x, targets)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    values = np.linalg.eigvalsh(expected)[::-1]
    got = largest_eigenvalues(hessian.product, hessian.size, k=5, tolerance=1e-9)
    np.testing.assert_allclose(got, values[:5], rtol=1e-8)
    estimate, error = trace(hessian.product, hessian.size, draws=200)
    assert abs(estimate - np.trace(expected)) < 4 * error


def test_small_matrices_are_made_whole_and_negative_eigenvalues_are_kept() -> None:
    diagonal = np.array([3.0, -7.0, 1.0, 0.5])
    assert largest_eigenvalues(lambda v: diagonal * v, 4, k=4).tolist() == [3.0, 1.0, 0.5, -7.0]
    assert trace(lambda v: diagonal * v, 4, draws=2) == (-2.5, 0.0)  # signs cancel on a diagonal


def test_what_has_no_curvature_is_refused() -> None:
    model, x, targets = made()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(TailtuneError, match="however: 0 and 30"):
        Hessian(model, lambda: [((x,), targets)])
    with pytest.raises(TailtuneError, match="there are 1 to 4 eigenvalues, however: k=5"):
        largest_eigenvalues(lambda v: v, 4, k=5)
    with pytest.raises(TailtuneError, match="2 draws or more"):
        trace(lambda v: v, 4, draws=1)

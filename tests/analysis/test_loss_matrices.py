"""Products with the Hessian and its Gauss-Newton part against the whole matrices of small networks, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tailtune.analysis.loss_matrices import Batch, GaussNewton, Hessian, LossMatrix
from tailtune.analysis.spectrum import Floats
from tailtune.errors import TailtuneError


def made() -> tuple[nn.Module, Tensor, Tensor]:
    """A network of 53 parameters with batch normalisation and dropout, and 30 rows of 3 classes."""
    torch.manual_seed(0)
    layers = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3)
    model = nn.Sequential(*layers).double()
    model(torch.randn(50, 4).double())  # moves the running statistics away from where they start
    return model, torch.randn(30, 4).double(), torch.arange(30) % 3


def of_flat(model: nn.Module, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The parameters as one vector, and the logits as a function of it."""
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}

    def logits(flat: Tensor) -> Tensor:
        pieces = flat.split([shape.numel() for shape in shapes.values()])
        weights = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        found: Tensor = functional_call(model, weights, x)
        return found

    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]), logits


def whole_hessian(model: nn.Module, x: Tensor, targets: Tensor) -> Floats:
    model.eval()
    flat, logits = of_flat(model, x)
    return np.asarray(torch.func.hessian(lambda w: nn.functional.cross_entropy(logits(w), targets))(flat))


def whole_gauss_newton(model: nn.Module, x: Tensor, targets: Tensor) -> Floats:
    """The mean over rows of J' (diag(p) - p p') J."""
    model.eval()
    flat, logits = of_flat(model, x)
    jacobians = torch.func.jacrev(logits)(flat)
    p = logits(flat).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return np.asarray(torch.einsum("nkp,nkl,nlq->pq", jacobians, inner, jacobians).detach() / len(targets))


@pytest.mark.parametrize("size", [30, 7])
@pytest.mark.parametrize(("kind", "whole"), [(Hessian, whole_hessian), (GaussNewton, whole_gauss_newton)])
def test_products_are_those_of_the_whole_matrix(
    kind: type[LossMatrix], whole: Callable[[nn.Module, Tensor, Tensor], Floats], size: int
) -> None:
    model, x, targets = made()
    model.train()

    def batches() -> Iterator[Batch]:
        return (((a,), b) for a, b in zip(x.split(size), targets.split(size), strict=True))

    matrix = kind(model, batches)
    statistics = model[1].running_mean.clone()  # type: ignore[union-attr, operator, index]
    found = np.stack([matrix.product(unit) for unit in np.eye(matrix.size)])
    assert model.training
    assert torch.equal(model[1].running_mean, statistics)  # type: ignore[arg-type, index]
    np.testing.assert_allclose(found, whole(model, x, targets), rtol=1e-9, atol=1e-12)


def test_products_agree_with_a_second_library() -> None:
    from curvlinops import GGNLinearOperator, HessianLinearOperator

    model, x, targets = made()
    model.eval()
    vector = np.random.default_rng(1).standard_normal(53)
    for ours, theirs in ((Hessian, HessianLinearOperator), (GaussNewton, GGNLinearOperator)):
        rows = [(x[:11], targets[:11]), (x[11:], targets[11:])]
        expected = theirs(model, nn.CrossEntropyLoss(), list(model.parameters()), rows) @ torch.from_numpy(vector)
        got = ours(model, lambda: [((x,), targets)]).product(vector)
        np.testing.assert_allclose(got, expected.detach(), rtol=1e-9, atol=1e-12)


def test_rows_may_count_by_class_and_parameters_may_be_fixed() -> None:
    model, x, targets = made()
    weights = torch.tensor([0.0, 3.0, 0.0]).double()

    def weighted(logits: Tensor, classes: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, classes, reduction="none") * weights[classes]

    of_class = targets == 1
    for kind in (Hessian, GaussNewton):
        vector = np.random.default_rng(0).standard_normal(53)
        got = kind(model, lambda: [((x,), targets)], weighted).product(vector)
        expected = kind(model, lambda: [((x[of_class],), targets[of_class])]).product(vector)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-13)
    expected = whole_gauss_newton(model, x, targets)
    model[0].requires_grad_(False)  # type: ignore[operator, index]
    rest = GaussNewton(model, lambda: [((x,), targets)])
    got = np.stack([rest.product(unit) for unit in np.eye(rest.size)])
    np.testing.assert_allclose(got, expected[25:, 25:], rtol=1e-9, atol=1e-12)


class Attentive(nn.Module):
    """Attention by torch's fused function, which cannot be differentiated twice, or spelled out."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.query, self.fused = nn.Linear(2, 2), fused

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(x.view(len(x), 1, 2, 2))
        if self.fused:
            return nn.functional.scaled_dot_product_attention(q, q, q).flatten(1)
        return ((q @ q.mT / 2**0.5).softmax(-1) @ q).flatten(1)


def test_networks_with_fused_attention_have_curvature() -> None:
    torch.manual_seed(0)
    fused, spelled = Attentive(fused=True).double(), Attentive(fused=False).double()
    spelled.load_state_dict(fused.state_dict())
    x, targets = torch.randn(8, 4).double(), torch.arange(8) % 4
    for kind, whole in ((Hessian, whole_hessian), (GaussNewton, whole_gauss_newton)):
        matrix = kind(fused, lambda: [((x,), targets)])
        found = np.stack([matrix.product(unit) for unit in np.eye(matrix.size)])
        np.testing.assert_allclose(found, whole(spelled, x, targets), rtol=1e-9, atol=1e-12)


def test_what_has_no_curvature_is_refused() -> None:
    model, x, targets = made()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(TailtuneError, match="however: 0 and 30"):
        Hessian(model, lambda: [((x,), targets)])
    model.requires_grad_(True)
    with pytest.raises(TailtuneError, match="however: 53 and 0"):
        GaussNewton(model, lambda: [])


def test_a_loss_without_curvature_has_a_matrix_of_zeros() -> None:
    model, x, targets = nn.Linear(4, 3).double(), torch.randn(6, 4).double(), torch.arange(6) % 3
    for kind in (Hessian, GaussNewton):
        matrix = kind(model, lambda: [((x,), targets)], lambda logits, _: logits.sum(1))
        assert not matrix.product(np.ones(matrix.size)).any()

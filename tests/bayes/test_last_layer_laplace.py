"""The last-layer posterior has the closed form of the generalised Gauss-Newton matrix."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune.bayes.last_layer_laplace import last_layer_laplace
from tailtune.bayes.posterior import log_loss, mean_probabilities
from tailtune.errors import TailtuneError
from tailtune.models.heads import CosineHead
from tailtune.models.network import Network

N, D, K = 60, 3, 3


class Small(Network):
    feature_dim = D

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.body = nn.Linear(2, D)
        self.head = head

    def features(self, *inputs: Tensor) -> Tensor:
        return torch.tanh(self.body(inputs[0]))


def rows(seed: int = 0) -> list[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(N, 2, generator=generator), torch.randint(0, K, (N,), generator=generator)
    return [(x[:40], y[:40]), (x[40:], y[40:])]


@pytest.fixture
def model() -> Small:
    torch.manual_seed(0)
    return Small(nn.Linear(D, K))


def gauss_newton(model: Small) -> np.ndarray:
    """Over the head's parameters in torch's order: the weight row by row, then the bias."""
    x = torch.cat([x for x, _ in rows()])
    features = model.features(x).detach().double().numpy()
    logits = features @ model.head.weight.detach().numpy().T + model.head.bias.detach().numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    total = np.zeros((K * D + K, K * D + K))
    for f, q in zip(features, p, strict=True):
        jacobian = np.hstack([np.kron(np.eye(K), f), np.eye(K)])
        total += jacobian.T @ (np.diag(q) - np.outer(q, q)) @ jacobian
    return total


def test_draws_have_the_mean_and_covariance_of_the_closed_form(model: Small) -> None:
    pytest.importorskip("laplace")
    posterior = last_layer_laplace(model, rows(), structure="full", samples=20_000, precisions=(4.0,))
    draws = np.stack([np.concatenate([m["head.weight"].numpy().ravel(), m["head.bias"]]) for m in posterior.members])
    covariance = np.linalg.inv(gauss_newton(model) + 4 * np.eye(K * D + K))
    mean = np.concatenate([model.head.weight.detach().numpy().ravel(), model.head.bias.detach()])
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.04 * covariance.max())


@pytest.mark.parametrize("structure", ["kron", "full"])
def test_the_precision_with_the_best_validation_predictions_is_taken(model: Small, structure: str) -> None:
    pytest.importorskip("laplace")
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grid = (0.1, 1.0, 10.0, 1e3)

    def fitted(precisions: tuple[float, ...]):
        return last_layer_laplace(model, rows(), rows(1), structure=structure, samples=6, seed=2, precisions=precisions)

    val = [batch[:1] for batch in rows(1)]
    labels = torch.cat([y for _, y in rows(1)])
    losses = {p: log_loss(mean_probabilities(model, fitted((p,)), val), labels) for p in grid}
    chosen, best = fitted(grid), fitted((min(losses, key=lambda p: losses[p]),))
    assert len(chosen) == 6
    for mine, theirs in zip(chosen.members, best.members, strict=True):
        assert set(mine) == {"head.weight", "head.bias"}
        assert torch.equal(mine["head.weight"], theirs["head.weight"])
    assert all(torch.equal(own[name], tensor) for name, tensor in model.state_dict().items())


def test_without_validation_rows_both_ways_choose(model: Small) -> None:
    pytest.importorskip("laplace")
    for way in ("predictive", "evidence"):
        posterior = last_layer_laplace(model, rows(), samples=3, without_val=way)
        assert len(posterior) == 3


def test_a_head_without_bias_is_drawn_too() -> None:
    pytest.importorskip("laplace")
    posterior = last_layer_laplace(Small(nn.Linear(D, K, bias=False)), rows(), samples=2, precisions=(1.0,))
    assert set(posterior.members[0]) == {"head.weight"}


def test_what_it_cannot_do_is_said_in_one_line(model: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TailtuneError, match="needs a linear head, however: CosineHead; take the diagonal one"):
        last_layer_laplace(Small(CosineHead(D, K)), rows())
    with pytest.raises(TailtuneError, match="structure must be 'kron' or 'full'"):
        last_layer_laplace(model, rows(), structure="diagonal")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "laplace", None)
    with pytest.raises(TailtuneError, match=r"pip install 'tailtune\[analysis\]'$"):
        last_layer_laplace(model, rows())


def test_nothing_is_told_of_what_laplace_torch_imports() -> None:
    program = (
        "import torch; from torch.utils.data import DataLoader, TensorDataset\n"
        "from tailtune.bayes.last_layer_laplace import last_layer_laplace\n"
        "from tailtune.models.cifar_resnet import CifarResNet\n"
        "rows = DataLoader(TensorDataset(torch.rand(8, 1, 8, 8), torch.arange(8) % 2), 8)\n"
        "last_layer_laplace(CifarResNet(8, 1, 2), rows, None, samples=1)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")

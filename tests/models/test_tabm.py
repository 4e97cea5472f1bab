"""TabM: members trained side by side, averaged where the network is evaluated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.methods.method import Stage
from tailtune.models.build import build
from tailtune.models.tabm import TabM
from tailtune.training.criterion import Criterion

INPUTS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([[0], [1], [2], [3], [0], [1]])


def network() -> TabM:
    torch.manual_seed(0)
    return TabM(3, [4], 2, members=5, blocks=2, width=8, dropout=0.1)


def test_evaluated_it_is_the_mean_of_its_members() -> None:
    model = network()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    members = model.train()(*INPUTS)
    assert members.shape == (6, 5, 2)
    expected = members.double().softmax(2).mean(1)
    found = model.eval()(*INPUTS)
    assert found.shape == (6, 2)
    np.testing.assert_allclose(found.double().softmax(1).detach(), expected.detach(), atol=1e-6)
    np.testing.assert_allclose(found.exp().sum(1).detach(), 1.0, atol=1e-6)


def test_every_member_has_a_loss_of_its_own() -> None:
    """Not the loss of the mean: then members would not be trained to classify alone."""
    logits = torch.randn(6, 5, 2, generator=torch.Generator().manual_seed(1))
    targets, weights = torch.tensor([0, 1, 1, 0, 1, 0]), torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0, 3.0])
    stage = Stage(class_weights=lambda progress: np.array([1.0, 4.0]))
    criterion = Criterion.of(stage, torch.device("cpu"))
    found = criterion(logits, targets, criterion.class_weights(0.5, torch.device("cpu")), weights)
    z = logits.numpy().astype(np.float64)
    log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
    of_target = -log_p[np.arange(6), :, targets.numpy()].mean(axis=1)
    expected = of_target * np.array([1.0, 4.0])[targets.numpy()] * weights.numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_mixed_targets_too() -> None:
    logits = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(1))
    soft = torch.tensor([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    found = Criterion.of(Stage(), torch.device("cpu"))(logits, soft)
    expected = -(soft[:, None, :] * logits.log_softmax(2)).sum(2).mean(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_needs_one_last_layer_is_refused() -> None:
    with pytest.raises(TailtuneError, match="a last layer for each of its members"):
        build("tabm", {"numeric": 3, "cardinalities": [4]}, 2, "cosine")
    with pytest.raises(TailtuneError, match="a last layer for each of its members"):
        network().features(*INPUTS)


@pytest.mark.parametrize(("numeric", "cardinalities"), [(3, []), (0, [4, 2])])
def test_tables_with_one_kind_of_column(numeric: int, cardinalities: list[int]) -> None:
    model = TabM(numeric, cardinalities, 3, members=2, blocks=1, width=4, dropout=0.0).eval()
    codes = torch.zeros(5, len(cardinalities), dtype=torch.int64)
    assert model(torch.zeros(5, numeric), codes).shape == (5, 3)

"""Averages of weights, and the BatchNorm statistics that belong to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune.bayes.batchnorm import recompute_batchnorm
from tailtune.bayes.rows import Labelled
from tailtune.bayes.swa import average_states
from tailtune.errors import TailtuneError


@dataclass(frozen=True)
class Ordered:
    """Rows that lie class by class."""

    x: Tensor
    targets: Tensor

    def batches(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        for part in self.x.split(size):
            yield (part,)


def rows(count: int = 600) -> Ordered:
    targets = torch.arange(count) * 3 // count
    generator = torch.Generator().manual_seed(0)
    return Ordered(torch.randn(count, 4, generator=generator) + 5 * targets[:, None], targets)


def test_states_are_averaged_elementwise_and_counters_kept() -> None:
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(3)]
    for i, model in enumerate(models):
        model[1].num_batches_tracked.fill_(i)
    mean = average_states([model.state_dict() for model in models])
    expected = np.mean([model[0].weight.detach().double().numpy() for model in models], 0)
    np.testing.assert_allclose(mean["0.weight"].numpy(), expected, atol=1e-7)
    assert mean["0.weight"].dtype == torch.float32
    assert mean["1.num_batches_tracked"] == 2


def test_only_weights_of_one_network_are_averaged() -> None:
    with pytest.raises(TailtuneError, match="no weights to average"):
        average_states([])
    with pytest.raises(TailtuneError, match="names or shapes differ"):
        average_states([nn.Linear(2, 2).state_dict(), nn.Linear(2, 3).state_dict()])


def test_labelled_rows_can_be_read_again() -> None:
    data = Labelled(rows(), 250)
    for _ in range(2):
        assert [(len(x), len(y)) for x, y in data] == [(250, 250), (250, 250), (100, 100)]


def test_statistics_are_those_of_the_data() -> None:
    data = rows()
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=0.3)).train()
    model[0].eval()
    recompute_batchnorm(model, ((data.x[i],) for i in torch.randperm(600).split(200)))
    x = data.x.numpy().astype(np.float64)
    np.testing.assert_allclose(model[0].running_mean, x.mean(0), atol=1e-4)
    np.testing.assert_allclose(model[0].running_var, x.var(0, ddof=1), rtol=0.02)
    hidden = (x - x.mean(0)) / x.std(0) @ model[2].weight.detach().numpy().T + model[2].bias.detach().numpy()
    np.testing.assert_allclose(model[3].running_var, hidden.var(0, ddof=1), rtol=0.03)  # dropout would add to it
    assert (model[0].momentum, model[3].momentum) == (0.1, 0.3)
    assert [module.training for module in model] == [False, True, True, True]


def test_a_network_without_batchnorm_reads_nothing() -> None:
    def fail() -> Iterator[tuple[Tensor, ...]]:
        raise AssertionError
        yield

    recompute_batchnorm(nn.Linear(2, 2), fail())

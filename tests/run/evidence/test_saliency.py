"""Saliency on pictures of which one corner alone tells the class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tailtune.augment.policies import build
from tailtune.models.network import Network
from tailtune.run.evidence.saliency import saliency

NORMALISE = build("none", (0.5,), (0.25,), flip=False)


class Small(Network):
    """Two convolutions and a layer over all places, which can tell places apart."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim = 8 * 8 * 8
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(self.feature_dim, 2)

    def features(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.body(inputs[0])


def pictures(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, in whose upper left quarter a bar lies down or stands up, by class."""
    pixels = torch.randint(0, 120, (n, 1, 16, 16), generator=generator).to(torch.uint8)
    targets = torch.randint(0, 2, (n,), generator=generator)
    for picture, target in zip(pixels, targets, strict=True):
        picture[0, 2:6, 3:5] = 230 if target else picture[0, 2:6, 3:5]
        picture[0, 3:5, 2:6] = picture[0, 3:5, 2:6] if target else 230
    return pixels, targets


@pytest.fixture(scope="module")
def trained() -> tuple[Small, torch.Tensor, np.ndarray]:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Small()
    pixels, targets = pictures(256, generator)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3, weight_decay=1e-3)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(NORMALISE.normalise(pixels)), targets).backward()
        optimiser.step()
    network.eval()
    with torch.no_grad():
        assert (network(NORMALISE.normalise(pixels)).argmax(1) == targets).float().mean() > 0.98
    return network, pixels[:12], targets[:12].numpy()


def test_the_mass_lies_in_the_corner_that_tells_the_class(trained: tuple[Small, torch.Tensor, np.ndarray]) -> None:
    network, pixels, targets = trained
    for heat in saliency(network, NORMALISE, pixels, targets, 1 - targets, 30.0):
        assert heat.sum() == pytest.approx(1)
        assert heat[:8, :8].sum() > 0.75  # a quarter of the picture


def test_it_is_another_one_when_the_weights_are_drawn_anew(trained: tuple[Small, torch.Tensor, np.ndarray]) -> None:
    network, pixels, targets = trained
    with torch.random.fork_rng():
        torch.manual_seed(1)
        random = Small().eval()
    before = saliency(network, NORMALISE, pixels, targets, 1 - targets, 30.0)
    after = saliency(random, NORMALISE, pixels, targets, 1 - targets, 30.0)
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(before, after, strict=True)]
    assert np.mean(alike) < 0.3
    assert np.mean([heat[:8, :8].sum() for heat in after]) < 0.5


def test_the_same_seed_gives_the_same_heat_and_weights_stay(trained: tuple[Small, torch.Tensor, np.ndarray]) -> None:
    network, pixels, targets = trained
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (saliency(network, NORMALISE, pixels[:2], targets[:2], 1 - targets[:2], 30.0) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None or not parameter.grad.isnan().any() for parameter in network.parameters())


def test_no_time_leaves_later_pictures_without(trained: tuple[Small, torch.Tensor, np.ndarray]) -> None:
    network, pixels, targets = trained
    large = pixels.repeat(1, 1, 32, 32)
    found = saliency(Pooled(network), NORMALISE, large[:3], targets[:3], 1 - targets[:3], 0.0)
    assert len(found) == 1  # a picture at a time, of this size
    assert found[0].shape == (512, 512)


class Pooled(Network):
    """The network on pictures that are made small first."""

    def __init__(self, network: Small) -> None:
        super().__init__()
        self.network, self.head, self.feature_dim = network, network.head, network.feature_dim

    def features(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.network.features(nn.functional.adaptive_avg_pool2d(inputs[0], 16))

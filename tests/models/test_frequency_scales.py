"""Each numeric column gets the frequencies that its relation to the classes asks for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tailtune.models.build import build
from tailtune.models.frequency_scales import PENALTY, SCALES, _held_out_errors, frequency_scales


def columns(rows: int = 6000) -> tuple[torch.Tensor, torch.Tensor]:
    """Three columns: the class follows the first smoothly, the second like a category, the third not at all."""
    rng = np.random.default_rng(0)
    smooth, noise = rng.standard_normal((2, rows))
    cell = rng.integers(0, 40, rows)
    value = (cell - 19.5) / 11.5  # 40 spikes within about two standard deviations
    logit = 1.5 * smooth + np.where(rng.permutation(40)[cell] < 20, 1.5, -1.5)
    targets = rng.random(rows) < 1 / (1 + np.exp(-logit))
    x = np.stack([smooth, value, noise], axis=1).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(targets.astype(np.int64))


def test_spiky_columns_get_high_frequencies_and_others_the_least() -> None:
    x, y = columns()
    smooth, spiky, noise = frequency_scales(x, y, 2).tolist()
    assert smooth == pytest.approx(0.3)
    assert noise == pytest.approx(0.3)
    assert spiky >= 1.0
    few = frequency_scales(x[:1000], y[:1000], 2)
    assert few.min() == pytest.approx(0.1)
    assert torch.equal(frequency_scales(x, y, 2), frequency_scales(x, y, 2))


def test_held_out_errors_are_those_of_ridge_regression() -> None:
    """The normal equations written out in NumPy for one column and scale."""
    rng = np.random.default_rng(1)
    x, onehot = rng.standard_normal(80), np.eye(3)[rng.integers(0, 3, 80)]
    probes, scale = rng.standard_normal(5), 0.7
    angles = 2 * math.pi * scale * x[:, None] * probes
    design = np.hstack([np.ones((80, 1)), np.clip(x, -3, 3)[:, None], np.cos(angles), np.sin(angles)])
    penalty = PENALTY * np.eye(12)
    penalty[0, 0] = 1e-6
    expected = np.empty(80)
    folds = ((slice(0, 40), slice(40, None)), (slice(40, None), slice(0, 40)))
    for fit, held in folds:
        mean = onehot[fit].mean(0)
        inverse = np.linalg.inv(design[fit].T @ design[fit] + penalty)
        weights = inverse @ design[fit].T @ (onehot[fit] - mean)
        expected[held] = ((onehot[held] - mean - design[held] @ weights) ** 2).sum(1)
    found = _held_out_errors(torch.from_numpy(x), scale, torch.from_numpy(probes), torch.from_numpy(onehot), folds)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_the_network_draws_and_freezes_such_frequencies() -> None:
    torch.manual_seed(0)
    shape = {"numeric": 2, "cardinalities": []}
    model = build("mlp-plr", shape, 2, scales=torch.tensor([0.03, 30.0]))
    weight = model.numeric.periodic.weight
    assert not weight.requires_grad
    spread = weight.std(1)
    assert 0.01 < spread[0] < 0.06
    assert 10 < spread[1] < 60
    assert all(p.requires_grad for p in build("mlp-plr", shape, 2).parameters())
    assert set(SCALES) >= {0.1, 0.3}

"""Each numeric column gets the frequencies that its relation to the classes asks for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tailtune.models.build import build
from tailtune.models.frequency_scales import FEW, PENALTY, SCALES, _drawn, _weights, frequency_scales, held_out_errors


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


def comb(seed: int, rows: int, on: int, small: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """One normal column; the values of the last class, of `on` rows, lie within 0.01 of the multiples of 0.3.

    `small` further classes have two rows each.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(rows), np.zeros(rows, dtype=np.int64)
    y[: 2 * small] = np.repeat(np.arange(small), 2) + 1
    y[rows - on :] = small + 1
    x[rows - on :] = np.round(x[rows - on :] / 0.3) * 0.3 + 0.01 * rng.standard_normal(on)
    return torch.from_numpy(x[:, None].astype(np.float32)), torch.from_numpy(y)


def test_a_rare_class_on_a_comb_is_seen_in_every_draw() -> None:
    """Six rows in a thousand count for little in the mean error of all rows."""
    assert min(frequency_scales(*comb(seed, 10_000, 60), 2, seed=seed).item() for seed in range(1, 4)) >= 3


def test_classes_of_a_few_rows_do_not_hide_what_half_of_the_rows_ask_for() -> None:
    x, y = comb(0, 6000, on=3000, small=20)
    assert frequency_scales(x, y, 22, weighing="classes").item() == pytest.approx(0.3)
    assert frequency_scales(x, y, 22).item() >= 3


def test_empty_classes_change_nothing_and_two_rows_suffice() -> None:
    x, y = columns(2000)
    assert torch.equal(frequency_scales(x, y, 7), frequency_scales(x, y, 2))
    assert frequency_scales(x[:2], torch.tensor([0, 6]), 7).tolist() == pytest.approx([0.1] * 3)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any), st.integers(1, 40), st.integers(0, 3))
def test_half_of_the_rows_are_drawn_as_they_come_and_half_evenly(counts: list[int], most: int, seed: int) -> None:
    targets = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    targets = targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))]
    rows = _drawn(targets, len(counts), most, torch.Generator().manual_seed(seed))
    assert len(set(rows.tolist())) == len(rows)
    assert torch.equal(targets[rows], targets[rows].sort().values)
    drawn, half = np.bincount(targets[rows], minlength=len(counts)), most // 2
    first = np.array(counts) * half // max(sum(counts), half)
    further = (drawn - first).max()
    np.testing.assert_array_equal(drawn, np.minimum(counts, first + further))
    if len(rows) < sum(counts):  # one more of each class would be too many
        assert np.minimum(counts, first + further + 1).sum() > most
    assert len(rows) <= max(most, half + np.count_nonzero(counts))


def test_no_row_of_many_classes_stands_for_many_others() -> None:
    """A class of half the rows and a hundred small ones: an even draw alone would leave it a hundredth of the rows."""
    targets = torch.cat([torch.zeros(50_000, dtype=torch.long), torch.arange(1, 101).repeat(500)])
    rows = _drawn(targets, 101, 2000, torch.Generator().manual_seed(0))
    for weight in _weights(targets[rows], torch.bincount(targets), "both"):
        assert weight.sum() ** 2 / weight.square().sum() > 0.45 * len(rows)  # the effective number of rows


def test_weights_stand_for_all_rows_or_make_classes_equal() -> None:
    counts = torch.tensor([5000, 0, 400, 2])
    classes = torch.repeat_interleave(torch.arange(4), torch.tensor([400, 0, 400, 2]))
    rows, even = (
        torch.zeros(4, dtype=torch.float64).index_add(0, classes, w) for w in _weights(classes, counts, "both")
    )
    np.testing.assert_allclose(rows / rows.sum(), counts / counts.sum())
    np.testing.assert_allclose(even / even[0], [1, 0, 1, 2 / FEW])
    assert rows.sum().item() == pytest.approx(len(classes))
    assert even.sum().item() == pytest.approx(len(classes))


def test_held_out_errors_are_those_of_weighted_ridge_regression() -> None:
    """The normal equations written out in NumPy for two columns and a scale."""
    rng = np.random.default_rng(1)
    x, y, w = rng.standard_normal((2, 80)), rng.integers(0, 3, 80), rng.uniform(0.1, 4, 80)
    onehot, probes, scale = np.eye(3)[y], rng.standard_normal(5), 0.7
    penalty = PENALTY * np.eye(12)
    penalty[0, 0] = 1e-6
    tensors = [torch.from_numpy(array) for array in (x, probes, y, np.stack([np.ones(80), w]))]
    found = held_out_errors(tensors[0], scale, *tensors[1:]).numpy()
    even = np.arange(80) % 2 == 0
    for column, of_a_column in zip(x, found, strict=True):
        angles = 2 * math.pi * scale * column[:, None] * probes
        design = np.hstack([np.ones((80, 1)), np.clip(column, -3, 3)[:, None], np.cos(angles), np.sin(angles)])
        for weight, errors in zip((np.ones(80), w), of_a_column, strict=True):
            for fit, held in ((even, ~even), (~even, even)):
                mean = np.average(onehot[fit], axis=0, weights=weight[fit])
                weighted = design[fit].T * weight[fit]
                solution = np.linalg.inv(weighted @ design[fit] + penalty) @ weighted @ (onehot[fit] - mean)
                expected = ((onehot[held] - mean - design[held] @ solution) ** 2).sum(1)
                np.testing.assert_allclose(errors[held], expected, rtol=1e-8)


def test_columns_beside_each_other_change_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(300, 40, generator=generator), torch.arange(300) % 3
    x[:, ::4] = (5 * x[:, ::4]).round() / 5 + 0.03 * y[:, None]
    together = frequency_scales(x, y, 3)
    assert len(together.unique()) > 1
    assert torch.equal(together, torch.cat([frequency_scales(x[:, [j]], y, 3) for j in range(40)]))


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

"""Samples that stand for all training rows, mean losses by class, and weights that are put back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from linear_subject import subject
from torch import nn

from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE, class_losses, groups, moved, training_sample
from tailtune.analysis.subject import Subject


def whole(of: Subject, classes: tuple[int, ...]) -> float:
    """The mean loss of all training rows of these classes, directly."""
    part = of.parts["train"]
    chosen = torch.isin(part.targets, torch.tensor(classes))
    logits = of.network(*(x[chosen] for x in part.tensors("the test")))
    return nn.functional.cross_entropy(logits, part.targets[chosen]).item()


def mean(of: Subject, sample: Any) -> float:
    losses = [sample.loss(of.network(*inputs), targets) for inputs, targets in sample.batches]
    return torch.cat(losses).mean().item()


def test_a_sample_of_all_rows_has_their_mean_loss_by_group() -> None:
    of = subject((90, 40, 7, 3))
    every = groups(training_sample(of, 1000), [3, 2])
    assert [(sample.name, sample.rows) for sample in every] == [(WHOLE, 140), (RARE, 10), (OTHERS, 130)]
    for sample, classes in zip(every, ((0, 1, 2, 3), (2, 3), (0, 1)), strict=True):
        assert mean(of, sample) == pytest.approx(whole(of, classes), rel=1e-5)


def test_a_part_of_the_rows_is_even_over_classes_and_weighted_back() -> None:
    of = subject((900, 60, 5))
    sample = training_sample(of, 60)
    targets = torch.cat([y for _, y in sample.batches])
    assert torch.bincount(targets).tolist() == [20, 20, 5]
    shares = torch.bincount(targets, sample.weights[targets]) / sample.rows
    np.testing.assert_allclose(shares, np.array([900, 60, 5]) / 965)
    found = [mean(of, training_sample(of, 60, seed)) for seed in range(200)]
    assert abs(np.mean(found) - whole(of, (0, 1, 2))) < 4 * np.std(found) / np.sqrt(200)
    again = training_sample(of, 60)
    assert torch.equal(targets, torch.cat([y for _, y in again.batches]))


def test_a_group_without_rows_has_no_batches() -> None:
    of = subject((4, 3))
    assert training_sample(of, 10).of_classes([], "none").batches == ()


def test_losses_by_class_are_means_in_evaluation_mode() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9)).double()
    x, targets = torch.randn(20, 3).double(), torch.arange(20) % 3
    model.train()
    found = class_losses(model, [((x[:9],), targets[:9]), ((x[9:],), targets[9:])], 4)
    assert model.training
    model.eval()
    logits = np.asarray(model(x).detach())
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(20), targets]
    np.testing.assert_allclose(found[:3], [losses[targets == c].mean() for c in range(3)], rtol=1e-12)
    assert found[3].isnan()


def test_moved_weights_are_put_back_whatever_happens() -> None:
    model = nn.Linear(2, 2)
    before = [parameter.detach().clone() for parameter in model.parameters()]

    def fail() -> None:
        with moved(model, [torch.full((2, 2), 0.1), torch.ones(2)]):
            assert torch.equal(model.bias.detach(), before[1] + 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))

"""The landscape of a linear network, whose loss is convex in its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_subject import subject
from torch import nn

from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE
from tailtune.analysis.landscape import _distance_of_rise, landscape

COUNTS = (60, 25, 10, 5)


def test_slices_and_surfaces_are_of_each_group_and_convex() -> None:
    of = subject(COUNTS)
    found = landscape(of, rows=1000).data
    part = of.parts["train"]
    losses = nn.functional.cross_entropy(of.network(*part.tensors("the test")), part.targets, reduction="none").detach()
    rare = part.targets == 3
    middle = len(found["steps"]) // 2
    for name, rows in ((WHOLE, rare | True), (RARE, rare), (OTHERS, ~rare)):
        assert found["slices"][name][middle] == pytest.approx(float(losses[rows].mean()), rel=1e-5)
        assert min(np.diff(found["slices_by_direction"][name], n=2).ravel()) > -1e-6
        if name != WHOLE:
            surface = np.array(found["surfaces"][name])
            assert surface[surface.shape[0] // 2, surface.shape[1] // 2] == pytest.approx(found["slices"][name][middle])
            assert min(np.diff(surface, n=2, axis=0).min(), np.diff(surface, n=2, axis=1).min()) > -1e-6
            along = np.interp(found["side"], found["steps"], found["slices_by_direction"][name][0])
            np.testing.assert_allclose(surface[surface.shape[0] // 2], along, rtol=0.02)


def test_no_step_of_the_same_length_raises_a_loss_more_than_its_own() -> None:
    of = subject(COUNTS)
    sharp = landscape(of, rows=1000, rho=0.01).data["sharpness"]
    shares = np.array(COUNTS) / 100
    own, sam, sama = (np.array(sharp[key]) for key in ("own", "sam", "sama"))
    assert (own > 0).all()
    assert (own >= np.maximum(sam, sama) - 1e-6).all()
    assert sam @ shares >= sama @ shares - 1e-6
    assert sama[3] > sam[3]  # the radius of the rarest class is the largest
    model, part = of.network, of.parts["train"]
    rows = part.targets == 2
    x = part.tensors("the test")[0][rows]
    losses = nn.functional.cross_entropy(model(x, x), part.targets[rows])
    gradient = torch.autograd.grad(losses, list(model.parameters()))
    length = torch.cat([g.flatten() for g in gradient]).norm()
    with torch.no_grad():
        for parameter, g in zip(model.parameters(), gradient, strict=True):
            parameter += 0.01 * g / length
        after = nn.functional.cross_entropy(model(x, x), part.targets[rows])
    assert own[2] == pytest.approx(float(after - losses.detach()), rel=1e-3)


def test_the_distance_of_a_rise_is_the_mean_of_both_sides() -> None:
    places = np.linspace(-1, 1, 21)
    assert _distance_of_rise(4 * places**2, places) == pytest.approx(0.5)
    assert _distance_of_rise(np.where(places > 0, 2 * places, -4 * places), places) == pytest.approx(0.375)
    assert _distance_of_rise(np.where(places > 0, 2 * places, 0), places) is None

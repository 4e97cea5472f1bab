"""Whole training steps of methods on a tiny linear model, worked out by hand in NumPy float64, to 1e-6.

The parts are taken from the methods as the training loop takes them, so these tests hold their wiring too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.losses.cross_entropy import cross_entropy
from tailtune.methods.ldam_drw import ldam_drw
from tailtune.methods.method import Context, Hooks, Method
from tailtune.methods.mislas import mislas
from tailtune.methods.sama import sama
from tailtune.models.heads import make_head
from tailtune.models.network import Network
from tailtune.profile import ClassProfile
from tailtune.sampling.m2m import M2m, translate
from tailtune.settings import Run
from tailtune.training.criterion import Criterion
from tailtune.training.decay import undecayed
from tailtune.training.optimiser import base_optimiser

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COUNTS = (80, 15, 4, 1)
K, D, N = 4, 4, 6
LR, MOMENTUM, DECAY = 0.3, 0.9, 0.01
CPU = torch.device("cpu")


class Linear(Network):
    """Images [B, 1, 2, 2] as features [B, 4], and a head."""

    def __init__(self, head: str = "linear") -> None:
        super().__init__()
        self.feature_dim = D
        self.head = make_head(head, D, K).double()  # type: ignore[arg-type]

    def features(self, *inputs: Tensor) -> Tensor:
        return inputs[0].flatten(1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def linear(w: Floats, b: Floats | None = None, head: str = "linear") -> Linear:
    model = Linear(head)
    model.head.weight.data.copy_(torch.from_numpy(w))
    if b is not None:
        model.head.bias.data.copy_(torch.from_numpy(b))
    return model


def batch(rng: np.random.Generator, n: int = N) -> tuple[Floats, Ints]:
    return rng.normal(size=(n, D)), rng.permutation(np.arange(n) % K)


def images(x: Floats) -> Tensor:
    return torch.from_numpy(x).view(-1, 1, 2, 2)


def softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def same(got: Tensor, expected: Floats) -> None:
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=0, atol=1e-6)


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)


@pytest.mark.parametrize("rule", ["inverse", "official"])
def test_sama(rule: Any, rng: np.random.Generator) -> None:
    """Two steps of SGD with momentum at w + eps; biases are a fifth column of the weights here."""
    rho, n = 0.2, np.array(COUNTS)
    w = rng.normal(size=(K, D + 1))
    model, (x, y) = linear(w[:, :D], w[:, D]), batch(rng)
    x1, q = np.c_[x, np.ones(N)], np.eye(K)[y]

    def gradient(at: Floats, shares: Floats) -> Floats:
        return (shares[:, None] * (softmax(x1 @ at.T) - q)).T @ x1 / N

    optimiser = (
        sama(ClassProfile(COUNTS), rho=rho, rule=rule)
        .stages[0]
        .optimiser(  # type: ignore[misc]
            sgd(model), model, Hooks(torch.autograd.backward)
        )
    )
    targets, velocity = torch.from_numpy(y), np.zeros_like(w)
    for _ in range(2):
        optimiser.step(lambda: (cross_entropy(model(images(x)), targets), targets))  # type: ignore[arg-type, return-value]

        if rule == "inverse":
            p = n / n.sum()
            spread = np.minimum(1 / K / p, 5)
            radii = (rho * spread / (p @ spread))[y]
            mean_radius = min(radii.mean(), 5 * rho)
        else:  # the direction of the gradient weighted by n_max / n_k, and one radius
            radii, mean_radius = (n.max() / n)[y], rho
        ascent = gradient(w, radii)
        eps = mean_radius * ascent / np.linalg.norm(ascent)
        velocity = MOMENTUM * velocity + gradient(w + eps, np.ones(N)) + DECAY * w
        w = w - LR * velocity
    same(model.head.weight, w[:, :D])
    same(model.head.bias, w[:, D])


@pytest.mark.parametrize("progress", [0.5, 0.8])
def test_ldam_drw(progress: float, rng: np.random.Generator) -> None:
    """Before and after the weights set in: CE(30 cos - 30 m_y 1_y) times the effective-number weight of y."""
    w, n = rng.normal(size=(K, D)), np.array(COUNTS, dtype=float)
    method = ldam_drw(ClassProfile(COUNTS))
    stage = method.stages[method.main]
    model, (x, y) = linear(w, head=str(stage.head)), batch(rng)
    optimiser, criterion = sgd(model), Criterion.of(stage, CPU)
    targets = torch.from_numpy(y)
    criterion(model(images(x)), targets, criterion.class_weights(progress, CPU)).mean().backward()
    optimiser.step()

    margins = 0.5 * (n / n.min()) ** -0.25
    weights = np.ones(K)
    if progress >= 0.8:
        weights = (1 - 0.9999) / (1 - 0.9999**n)
        weights = weights * n.sum() / (n @ weights)  # the training rows weigh 1 on average
    q = np.eye(K)[y]
    units_x, units_w = x / np.linalg.norm(x, axis=1, keepdims=True), w / np.linalg.norm(w, axis=1, keepdims=True)
    cosine = units_x @ units_w.T
    dz = weights[y][:, None] * (softmax(30 * (cosine - margins * q)) - q) / N
    # d cos(x, w) / dw = (x / ||x|| - cos w / ||w||) / ||w||
    dw = 30 * (dz.T @ units_x - (dz * cosine).sum(0)[:, None] * units_w) / np.linalg.norm(w, axis=1, keepdims=True)
    same(model.head.weight, w - LR * (dw + DECAY * w))


def test_m2m(rng: np.random.Generator) -> None:
    """Two translation steps, the acceptance, and the step of training on what came out.

    One sample is of the frequent class, so that both seeds are known; the counts make candidates and coins certain.
    """
    gw, gb, fw, fb = (rng.normal(size=shape) for shape in ((K, D), (K,), (K, D), (K,)))
    g, f = linear(gw, gb), linear(fw, fb)
    x, y = rng.uniform(0.3, 0.7, size=(3, D)), np.array([0, 1, 2])
    low, high, step, suppression = 0.25, 1.25, 0.1, 0.5

    moved = np.repeat(x[:1], 2, axis=0)  # towards classes 1 and 2, both from class 0
    for _ in range(2):
        du = (high - low) * ((softmax(moved @ gw.T + gb) - np.eye(K)[[1, 2]]) @ gw + suppression * fw[0])
        moved = moved - step * (high - low) * du / np.linalg.norm(du, axis=1, keepdims=True)
        moved = np.clip(moved, low, high)
    believed = softmax(moved @ gw.T + gb)[[0, 1], [1, 2]]

    old, new = torch.tensor([0, 0]), torch.tensor([1, 2])
    same(translate(images(x[[0, 0]]), old, new, f, g, steps=2, bounds=(low, high)).flatten(1), moved)

    confidence = float(believed.mean())  # between the two, so that one is accepted
    m2m = M2m((10**15, 1, 1, 0), beta=0.5, confidence=confidence, steps=2, noise=0.0, bounds=(low, high))
    result, made = m2m(images(x), torch.from_numpy(y), f, g, torch.Generator().manual_seed(0))
    assert made.tolist() == [False, *(believed >= confidence).tolist()]
    expected = x.copy()
    expected[1:] = np.where((believed >= confidence)[:, None], moved, x[1:])
    same(result.flatten(1), expected)

    optimiser = sgd(f)
    cross_entropy(f(result), torch.from_numpy(y)).mean().backward()
    optimiser.step()
    dz = (softmax(expected @ fw.T + fb) - np.eye(K)[y]) / 3
    same(f.head.weight, fw - LR * (dz.T @ expected + DECAY * fw))
    same(f.head.bias, fb - LR * (dz.sum(0) + DECAY * fb))


def mislas_method() -> Method:
    return mislas(ClassProfile(COUNTS), smooth_head=0.4, smooth_tail=0.1, head_lr=0.2)


def test_mislas_first_stage(rng: np.random.Generator) -> None:
    """A mixup step. Each class occurs once, so that a mixed row of targets tells its partner and its share."""
    stage, w, b = mislas_method().stages[0], rng.normal(size=(K, D)), rng.normal(size=K)
    model, (x, y) = linear(w, b), batch(rng, K)
    mixed, targets = stage.mix(images(x), torch.eye(K).double()[y], torch.Generator().manual_seed(1))  # type: ignore[misc]
    optimiser = sgd(model)
    Criterion.of(stage, CPU)(model(mixed), targets).mean().backward()
    optimiser.step()

    q = targets.numpy()
    assert ((q > 0).sum(1) == 2).any()  # otherwise nothing would be tested
    np.testing.assert_allclose(q.sum(1), 1, atol=1e-12)
    blended = q @ np.eye(K)[y].T @ x  # the same shares of the same images
    same(mixed.flatten(1), blended)
    dz = (softmax(blended @ w.T + b) - q) / K
    same(model.head.weight, w - LR * (dz.T @ blended + DECAY * w))
    same(model.head.bias, b - LR * (dz.sum(0) + DECAY * b))


def test_mislas_second_stage(rng: np.random.Generator) -> None:
    """Two steps of z = s (W x + b) under label-aware smoothing: s at the learning rate, W and b at a fifth of it."""
    stage, w, b = mislas_method().stages[1], rng.normal(size=(K, D)), rng.normal(size=K)
    model, (x, y) = linear(w, b), batch(rng)
    context = Context(model, ClassProfile(COUNTS), None, None, (), 0, lambda: None)  # type: ignore[arg-type]
    stage.prepare(context)  # type: ignore[misc]
    run = Run(data="", optimizer="sgd", lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    optimiser = base_optimiser(model.named_parameters(), run, undecayed(model), factors=stage.lr_factors)
    criterion = Criterion.of(stage, CPU)

    n, s = np.array(COUNTS, dtype=float), np.ones(K)
    eps = 0.1 + (0.4 - 0.1) * np.sin(np.pi * (n - n.min()) / (2 * (n.max() - n.min())))
    q = (1 - eps[y])[:, None] * np.eye(K)[y] + eps[y][:, None] / K
    velocity: list[Floats | float] = [0.0, 0.0, 0.0]
    for _ in range(2):
        optimiser.zero_grad()
        criterion(model(images(x)), torch.from_numpy(y)).mean().backward()
        optimiser.step()

        a = x @ w.T + b
        dz = (softmax(s * a) - q) / N
        gradients = [(dz * s).T @ x + DECAY * w, (dz * s).sum(0), (dz * a).sum(0)]  # only matrices decay
        velocity = [MOMENTUM * v + g for v, g in zip(velocity, gradients, strict=True)]
        w, b, s = w - 0.2 * LR * velocity[0], b - 0.2 * LR * velocity[1], s - LR * velocity[2]
    same(model.head.weight, w)
    same(model.head.bias, b)
    same(model.head.scale, s)  # type: ignore[arg-type]
    stage.finish(context)  # type: ignore[misc]
    assert type(model.head) is nn.Linear
    same(model.head.weight, s[:, None] * w)
    same(model(images(x)), s * (x @ w.T + b))

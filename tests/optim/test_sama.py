"""SAM-A against its equations in NumPy float64 for a linear softmax model, and against the grouped rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.optim.sam import SAM
from tailtune.optim.sama import SAMA
from tailtune.profile import ClassProfile, per_class

Floats = NDArray[np.float64]

COUNTS = (80, 15, 5)
RULES = [
    ("inverse", "mean_radius"),
    ("inverse", "batch_gradient"),
    ("printed", "mean_radius"),
    ("printed", "batch_gradient"),
    ("official", "mean_radius"),
]


def softmax(logits: Floats) -> Floats:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gradient(w: Floats, x: Floats, q: Floats, sample_weights: Floats) -> Floats:
    """Gradient of (1/N) sum_i weight_i CE_i for logits x w^T."""
    return (sample_weights[:, None] * (softmax(x @ w.T) - q)).T @ x / len(x)


def reference_step(
    w: Floats, x: Floats, q: Floats, lr: float, rho: float, rule: Any, normalise: str, cap: float = 5.0, aux: float = 0
) -> Floats:
    """One SAM-A step; the auxiliary term is aux * sum(w^2) / 2, whose gradient is aux * w."""
    rho_i = q @ per_class(rho, COUNTS, rule=rule, cap=cap)
    rho_bar = rho_i.mean()
    weighted = gradient(w, x, q, rho_i) + rho_bar * aux * w
    if normalise == "batch_gradient":
        eps = weighted / np.linalg.norm(gradient(w, x, q, np.ones(len(x))) + aux * w)
    elif rule == "official":
        eps = rho * weighted / np.linalg.norm(weighted)
    else:
        eps = rho_bar * weighted / np.linalg.norm(weighted)
    eps *= min(1, cap * rho / np.linalg.norm(eps))
    return w - lr * (gradient(w + eps, x, q, np.ones(len(x))) + aux * (w + eps))


def linear_step(w: Floats, x: Floats, q: Floats | NDArray[np.int64], aux: float = 0, **arguments: Any) -> Floats:
    model = nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w))
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.7), COUNTS, **arguments)

    def closure() -> Any:
        targets = torch.from_numpy(q)
        losses = functional.cross_entropy(model(torch.from_numpy(x)), targets, reduction="none")
        return (losses, targets, aux * model.weight.square().sum() / 2) if aux else (losses, targets)

    optimizer.step(closure)
    return model.weight.detach().numpy()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), soft=st.booleans(), n=st.integers(1, 12), aux=st.sampled_from([0.0, 0.4]))
@pytest.mark.parametrize(("rule", "normalise"), RULES)
def test_a_step_is_the_equation(rule: str, normalise: str, seed: int, soft: bool, n: int, aux: float) -> None:
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=(3, 4)), rng.normal(size=(n, 4))
    hard = rng.integers(3, size=n)
    q = rng.dirichlet(np.full(3, 0.5), size=n) if soft else np.eye(3)[hard]
    wanted = reference_step(w, x, q, 0.7, 0.2, rule, normalise, aux=aux)
    ours = linear_step(w, x, q if soft else hard, rho=0.2, rule=rule, normalise=normalise, aux=aux)
    np.testing.assert_allclose(ours, wanted, atol=1e-10)


@pytest.mark.parametrize("normalise", ["mean_radius", "batch_gradient"])
@pytest.mark.parametrize("wanted_cap", [1.0, 2.0])
def test_the_radius_is_capped(normalise: str, wanted_cap: float) -> None:
    rng = np.random.default_rng(0)
    w, x, q = rng.normal(size=(3, 4)), rng.normal(size=(6, 4)), np.eye(3)[np.full(6, 2)]  # rarest class alone
    assert per_class(1.0, COUNTS, cap=wanted_cap)[2] >= wanted_cap
    wanted = reference_step(w, x, q, 0.7, 0.2, "inverse", normalise, cap=wanted_cap)
    ours = linear_step(w, x, q, rho=0.2, normalise=normalise, cap=wanted_cap)
    np.testing.assert_allclose(ours, wanted, atol=1e-10)


def test_cancelling_class_gradients_do_not_throw_the_weights_away() -> None:
    x = np.ones((2, 4))  # two samples, two classes, uniform predictions: gbar is all but zero, G is not
    q = np.array([[0.5, 0.0, 0.5], [0.0, 1e-9, 1 - 1e-9]])
    w = np.log(q.mean(0) + 1e-12)[:, None] * np.ones((3, 4)) / 4
    assert np.linalg.norm(gradient(w, x, q, np.ones(2))) < 1e-8
    moved = linear_step(w, x, q, rho=0.2, normalise="batch_gradient")
    assert np.linalg.norm(moved - w) < 0.7 * 2 * 2  # lr times the largest gradient norm of two such samples


def mlp(seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).to(dtype)


def batch(seed: int, n: int = 48, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.multinomial(torch.tensor([0.8, 0.15, 0.05]), n, replacement=True, generator=generator)
    means = torch.randn(3, 6, generator=torch.Generator().manual_seed(9), dtype=dtype)
    return means[targets] + 1.5 * torch.randn(n, 6, generator=generator, dtype=dtype), targets


@pytest.mark.parametrize("rule", ["inverse", "printed", "official"])
@pytest.mark.parametrize("n", [32, 33])
def test_equal_counts_are_sam(rule: Any, n: int) -> None:
    first, second = mlp(dtype=torch.float64), mlp(dtype=torch.float64)
    sam = SAM(torch.optim.SGD(first.parameters(), lr=0.1), rho=1.5 * 0.1 if rule == "printed" else 0.1)
    sama = SAMA(torch.optim.SGD(second.parameters(), lr=0.1), (40, 40, 40), rho=0.1, rule=rule)
    for step in range(4):
        x, targets = batch(step, n, torch.float64)
        sam.step(lambda x=x, t=targets: (functional.cross_entropy(first(x), t, reduction="none"), t))
        sama.step(lambda x=x, t=targets: (functional.cross_entropy(second(x), t, reduction="none"), t))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_equal_counts_are_sam_to_the_bit_in_float32() -> None:
    first, second = mlp(), mlp()
    x, targets = batch(0, 64)
    for model, optimizer in (
        (first, SAM(torch.optim.SGD(first.parameters(), lr=0.1), rho=0.1)),
        (second, SAMA(torch.optim.SGD(second.parameters(), lr=0.1), (40, 40, 40), rho=0.1)),
    ):
        for _ in range(3):
            optimizer.step(lambda m=model: (functional.cross_entropy(m(x), targets, reduction="none"), targets))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_kappa_0_has_equal_radii() -> None:
    model = mlp()
    assert torch.allclose(
        SAMA(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS, kappa=0).radii, torch.ones(3, dtype=torch.float64)
    )


def test_the_rarest_class_has_the_largest_radius_by_default_and_the_most_frequent_as_printed() -> None:
    base = torch.optim.SGD(mlp().parameters(), lr=0.1)
    counts = (500, 300, 120, 60)
    assert (SAMA(base, counts).radii.diff() > 0).all()
    assert (SAMA(base, counts, rule="printed").radii.diff() < 0).all()


@pytest.mark.parametrize("rule", ["inverse", "printed"])
def test_radii_are_normalised_under_the_samplers_priors(rule: Any) -> None:
    base = torch.optim.SGD(mlp().parameters(), lr=0.1)
    balanced = SAMA(base, COUNTS, rule=rule, priors=(1 / 3, 1 / 3, 1 / 3)).radii
    assert balanced.mean().item() == pytest.approx(1)
    plain = SAMA(base, COUNTS, rule=rule).radii
    torch.testing.assert_close(balanced / balanced.sum(), plain / plain.sum())


def test_counts_and_targets_of_any_kind_give_the_same_step() -> None:
    x, targets = batch(0)
    results = []
    for counts, kind in (
        (COUNTS, targets),
        (np.array(COUNTS), functional.one_hot(targets, 3)),
        (torch.tensor(COUNTS), functional.one_hot(targets, 3).to(torch.bfloat16)),
        (torch.tensor(COUNTS, dtype=torch.float32), functional.one_hot(targets, 3).double().requires_grad_()),
        (ClassProfile(COUNTS), targets),
    ):
        model = mlp()
        optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.1), counts, rho=0.2)
        optimizer.step(lambda m=model, kind=kind: (functional.cross_entropy(m(x), targets, reduction="none"), kind))
        results.append(model[0].weight.detach())
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], atol=1e-6, rtol=0)


def test_radii_go_to_the_device_of_the_losses_once() -> None:
    optimizer = SAMA(torch.optim.SGD(mlp().parameters(), lr=0.1), COUNTS)
    losses = torch.empty(4, device="meta")
    targets = torch.tensor([0, 1, 2, 0])  # on another device than the losses
    assert optimizer._radii_of(targets, losses).device.type == "meta"
    held = optimizer._radii
    optimizer._radii_of(targets, losses)
    assert optimizer._radii is held


def grouped_descent_gradient(model: nn.Sequential, x: Tensor, targets: Tensor, radii: Tensor) -> Tensor:
    """Reference for "a radius for each class": class c's samples are perturbed by rho_c along their own gradient.

    The descent gradient is then the mean over all samples, each at its class's perturbed weights; one forward and two
    backwards a class, hence a reference only.
    """
    total = torch.zeros(sum(p.numel() for p in model.parameters()))
    start = [p.detach().clone() for p in model.parameters()]
    for c in targets.unique():
        mine = targets == c
        g = torch.autograd.grad(functional.cross_entropy(model(x[mine]), targets[mine]), list(model.parameters()))
        norm = torch.cat([part.flatten() for part in g]).norm()
        with torch.no_grad():
            for p, part in zip(model.parameters(), g, strict=True):
                p.add_(radii[c] * part / norm)
        loss = functional.cross_entropy(model(x[mine]), targets[mine], reduction="sum") / len(x)
        g = torch.autograd.grad(loss, list(model.parameters()))
        total += torch.cat([part.flatten() for part in g])
        with torch.no_grad():
            for p, own in zip(model.parameters(), start, strict=True):
                p.copy_(own)
    return total


def test_the_weighted_rules_lie_closer_to_the_grouped_rule_than_sam_does() -> None:
    rho, seeds = 0.5, range(12)
    cosines: dict[str, list[float]] = {}
    for seed in seeds:
        x, targets = batch(100 + seed)
        model = mlp(seed)
        warm = torch.optim.SGD(model.parameters(), lr=0.2)
        for step in range(30):
            warm.zero_grad()
            functional.cross_entropy(model(batch(step)[0]), batch(step)[1]).backward()
            warm.step()
        warm.zero_grad()
        radii = torch.from_numpy(per_class(rho, COUNTS)).float()
        wanted = grouped_descent_gradient(model, x, targets, radii)
        still = torch.optim.SGD(model.parameters(), lr=0.0)
        for name, optimizer in {
            "sam": SAM(still, rho=rho),
            "mean_radius": SAMA(still, COUNTS, rho=rho),
            "batch_gradient": SAMA(still, COUNTS, rho=rho, normalise="batch_gradient"),
        }.items():
            left: list[Tensor] = []
            optimizer._before_step = lambda m=model, left=left: left.extend(p.grad.flatten() for p in m.parameters())
            optimizer.step(lambda m=model, x=x, t=targets: (functional.cross_entropy(m(x), t, reduction="none"), t))
            ours = torch.cat(left)
            cosines.setdefault(name, []).append(functional.cosine_similarity(ours, wanted, dim=0).item())
    mean = {name: float(np.mean(values)) for name, values in cosines.items()}
    assert mean["sam"] < mean["mean_radius"] < mean["batch_gradient"], mean
    assert mean["mean_radius"] > 0.5, mean


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_target_that_is_no_class_is_refused_with_its_row(wrong: int) -> None:
    model = mlp()
    x, targets = batch(0)
    shown = targets.clone()
    shown[5] = wrong
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS)
    with pytest.raises(TailtuneError, match=rf"^target {wrong} in row 5 of the batch is none of the 3 classes"):
        optimizer.step(lambda: (functional.cross_entropy(model(x), targets, reduction="none"), shown))
    with pytest.raises(TailtuneError, match="must be int64"):
        optimizer.step(lambda: (functional.cross_entropy(model(x), targets, reduction="none"), targets.int()))


def test_refusals() -> None:
    model = mlp()
    base = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TailtuneError, match="normalise"):
        SAMA(base, COUNTS, normalise="norm")  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match="one radius for all batches"):
        SAMA(base, COUNTS, rule="official", normalise="batch_gradient")
    with pytest.raises(TailtuneError, match="rule"):
        SAMA(base, COUNTS, rule="revers")  # type: ignore[arg-type]
    for priors in ((0.5, 0.5), (0.5, 0.4, 0.4), (1.5, -0.5, 0.0)):
        with pytest.raises(TailtuneError, match="3 proportions"):
            SAMA(base, COUNTS, priors=priors)
    x, targets = batch(0)
    for bad in (targets[:-1], functional.one_hot(targets, 4), targets[None]):
        with pytest.raises(TailtuneError, match=r"\[48, 3\]"):
            SAMA(base, COUNTS).step(
                lambda bad=bad: (functional.cross_entropy(model(x), targets, reduction="none"), bad)
            )

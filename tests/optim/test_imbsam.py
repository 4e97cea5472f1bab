"""ImbSAM against its equation in NumPy float64 for a linear softmax model, and against SAM and the base alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
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
from tailtune.optim.imbsam import ImbSAM, tail_classes
from tailtune.optim.sam import SAM

Floats = NDArray[np.float64]

COUNTS = (80, 15, 5)  # by the default threshold the last two are tail classes
TAIL = np.array([0.0, 1.0, 1.0])


def gradient(w: Floats, x: Floats, q: Floats, weights: Floats) -> Floats:
    """Gradient of (1/N) sum_i weight_i CE_i for logits x w^T."""
    e = np.exp(x @ w.T)
    return (weights[:, None] * (e / e.sum(1, keepdims=True) - q)).T @ x / len(x)


def reference_step(w: Floats, x: Floats, q: Floats, lr: float, rho: float, factor: float, aux: float) -> Floats:
    """One step; the auxiliary term is aux * sum(w^2) / 2, whose gradient is aux * w."""
    mass = q @ TAIL
    share = mass.mean()
    head = gradient(w, x, q, 1 - mass) + (1 - share) * aux * w
    tail = gradient(w, x, q, factor * mass) + share * aux * w
    norm = np.linalg.norm(tail)
    above = w + (rho * tail / norm if norm > 0 else 0)
    return w - lr * (head + gradient(above, x, q, factor * mass) + share * aux * above)


def linear_step(w: Floats, x: Floats, q: Any, aux: float, **arguments: Any) -> Floats:
    model = nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w))
    optimizer = ImbSAM(torch.optim.SGD(model.parameters(), lr=0.7), COUNTS, **arguments)

    def closure() -> Any:
        targets = torch.from_numpy(q)
        losses = functional.cross_entropy(model(torch.from_numpy(x)), targets, reduction="none")
        return (losses, targets, aux * model.weight.square().sum() / 2) if aux else (losses, targets)

    optimizer.step(closure)
    return model.weight.detach().numpy()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    soft=st.booleans(),
    n=st.integers(1, 12),
    aux=st.sampled_from([0.0, 0.4]),
    factor=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_a_step_is_the_equation(seed: int, soft: bool, n: int, aux: float, factor: float) -> None:
    rng = np.random.default_rng(seed)
    w, x = rng.normal(size=(3, 4)), rng.normal(size=(n, 4))
    hard = rng.integers(3, size=n)
    q = rng.dirichlet(np.full(3, 0.5), size=n) if soft else np.eye(3)[hard]
    wanted = reference_step(w, x, q, 0.7, 0.2, factor, aux)
    ours = linear_step(w, x, q if soft else hard, aux, rho=0.2, factor=factor)
    np.testing.assert_allclose(ours, wanted, atol=1e-10)


def network(batchnorm: bool = False) -> nn.Sequential:
    torch.manual_seed(1)
    middle = [nn.BatchNorm1d(8)] if batchnorm else []
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Linear(8, 3)).double()


def batch(step: int, classes: tuple[int, ...] = (0, 1, 2)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    targets = torch.tensor(classes)[torch.randint(len(classes), (12,), generator=generator)]
    return torch.randn(12, 5, generator=generator, dtype=torch.float64), targets


def train(make: Callable[[nn.Module], Any], classes: tuple[int, ...] = (0, 1, 2), steps: range = range(4)) -> Tensor:
    model = network()
    optimizer = make(model)
    for step in steps:
        x, targets = batch(step, classes)

        def closure(x: Tensor = x, targets: Tensor = targets) -> tuple[Tensor, Tensor]:
            return functional.cross_entropy(model(x), targets, reduction="none"), targets

        if isinstance(optimizer, SAM):
            optimizer.step(closure)
        else:
            optimizer.zero_grad()
            closure()[0].mean().backward()
            optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)


def sam(model: nn.Module) -> SAM:
    return SAM(sgd(model), rho=0.3)


def imbsam(**arguments: Any) -> Callable[[nn.Module], ImbSAM]:
    return lambda model: ImbSAM(sgd(model), COUNTS, **({"rho": 0.3} | arguments))


def test_it_is_sam_where_every_class_is_a_tail_class() -> None:
    torch.testing.assert_close(train(imbsam(threshold=1000)), train(sam), atol=1e-12, rtol=0)


@pytest.mark.parametrize("arguments", [{"threshold": 0, "share": 0.0}, {"rho": 0.0}, {"rho": 0.0, "threshold": 1000}])
def test_it_is_the_base_without_tail_classes_or_radius(arguments: dict[str, float]) -> None:
    torch.testing.assert_close(train(imbsam(**arguments)), train(sgd), atol=1e-12, rtol=0)


def test_batches_of_head_samples_alone_and_of_tail_samples_alone() -> None:
    torch.testing.assert_close(train(imbsam(), classes=(0,)), train(sgd, classes=(0,)), atol=1e-12, rtol=0)
    torch.testing.assert_close(train(imbsam(), classes=(1, 2)), train(sam, classes=(1, 2)), atol=1e-12, rtol=0)


def test_without_tail_classes_there_is_one_pass() -> None:
    passes = []
    model = network()
    x, targets = batch(0)

    def closure() -> tuple[Tensor, Tensor]:
        passes.append(1)
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    imbsam(threshold=0, share=0.0)(model).step(closure)
    assert len(passes) == 1
    imbsam()(model).step(closure)
    assert len(passes) == 3


def test_class_order_does_not_matter() -> None:
    x, targets = batch(3)
    order = torch.tensor([2, 0, 1])
    moved = []
    for permuted in (False, True):
        model = network()
        if permuted:
            with torch.no_grad():
                model[-1].weight.copy_(model[-1].weight[order.argsort()])
                model[-1].bias.copy_(model[-1].bias[order.argsort()])
        counts = tuple(COUNTS[k] for k in order.argsort()) if permuted else COUNTS
        y = order[targets] if permuted else targets
        optimizer = ImbSAM(sgd(model), counts, rho=0.3)
        optimizer.step(lambda m=model, y=y: (functional.cross_entropy(m(x), y, reduction="none"), y))
        moved.append(model[0].weight.detach())
    torch.testing.assert_close(*moved, atol=1e-12, rtol=0)


def test_one_hot_targets_are_class_indices() -> None:
    moved = []
    for soft in (False, True):
        model = network()
        x, targets = batch(5)
        given = torch.eye(3, dtype=torch.float64)[targets] if soft else targets
        imbsam(factor=2.0)(model).step(
            lambda m=model, x=x, y=given: (functional.cross_entropy(m(x), y, reduction="none"), y)
        )
        moved.append(model[0].weight.detach())
    torch.testing.assert_close(*moved, atol=1e-12, rtol=0)


def test_batchnorm_follows_the_first_pass_alone() -> None:
    model, once = network(batchnorm=True), network(batchnorm=True)
    x, targets = batch(0)
    once(x)
    optimizer = ImbSAM(sgd(model), COUNTS, model=model, rho=0.3)
    optimizer.step(lambda: (functional.cross_entropy(model(x), targets, reduction="none"), targets))
    for a, b in zip(model.buffers(), once.buffers(), strict=True):
        assert torch.equal(a, b)


def test_the_returned_loss_is_the_plain_mean_and_clipping_sees_the_whole_gradient() -> None:
    seen = []
    model = network()
    x, targets = batch(0)
    before = functional.cross_entropy(model(x), targets).detach()

    def look() -> None:
        seen.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))

    start = torch.cat([p.detach().flatten() for p in model.parameters()])
    optimizer = ImbSAM(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS, rho=0.3, factor=2.0, before_step=look)
    loss = optimizer.step(lambda: (functional.cross_entropy(model(x), targets, reduction="none"), targets))
    torch.testing.assert_close(loss, before)
    now = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(now, start - 0.1 * seen[0], atol=1e-12, rtol=0)


def test_state_round_trip_resumes_to_identical_weights() -> None:
    model = network()
    optimizer = imbsam()(model)
    resumed_model = network()
    for step in range(6):
        x, targets = batch(step)
        if step == 3:
            resumed_model.load_state_dict(model.state_dict())
            resumed = imbsam(rho=0.9)(resumed_model)
            resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # which shares its tensors
        for m, o in [(model, optimizer)] + ([(resumed_model, resumed)] if step >= 3 else []):
            o.step(lambda m=m, x=x, y=targets: (functional.cross_entropy(m(x), y, reduction="none"), y))
    for a, b in zip(model.parameters(), resumed_model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_single_and_half_precision_losses(dtype: torch.dtype) -> None:
    model = network().float()
    x, targets = batch(0)
    optimizer = ImbSAM(sgd(model), COUNTS, rho=0.1)
    losses = [
        float(
            optimizer.step(
                lambda: (functional.cross_entropy(model(x.float()), targets, reduction="none").to(dtype), targets)
            )
        )
        for _ in range(20)
    ]
    assert losses[-1] < losses[0]


def test_a_loss_that_is_not_finite_is_returned_as_nan() -> None:
    model = network()
    x, targets = batch(0)
    optimizer = imbsam()(model)
    loss = optimizer.step(lambda: (torch.inf * functional.cross_entropy(model(x), targets, reduction="none"), targets))
    assert loss.isnan()


def test_an_interrupted_second_pass_leaves_the_true_weights_and_no_rest() -> None:
    model = network()
    x, targets = batch(0)
    optimizer = imbsam()(model)
    start = torch.cat([p.detach().flatten() for p in model.parameters()])
    passes = iter([False, True])

    def closure() -> tuple[Tensor, Tensor]:
        if next(passes):
            raise KeyboardInterrupt
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert torch.equal(torch.cat([p.detach().flatten() for p in model.parameters()]), start)
    assert optimizer._carried == {}


def test_tail_classes() -> None:
    many = tuple(int(5000 * 0.01 ** (k / 9)) for k in range(10))  # none has fewer than 20
    assert tail_classes(many).tolist() == [False] * 8 + [True] * 2
    hundred = [int(500 * 0.01 ** (k / 99)) for k in range(100)]
    assert tail_classes(hundred).tolist() == [n < 20 for n in hundred]  # the source's rule on its benchmark
    assert not tail_classes([60, 60, 60]).any()
    assert tail_classes([0, 30, 60], share=0).tolist() == [True, False, False]
    assert tail_classes([9, 9, 9]).all()


def test_refusals() -> None:
    model = network()
    with pytest.raises(TailtuneError, match="factor"):
        ImbSAM(sgd(model), COUNTS, factor=-1.0)
    with pytest.raises(TailtuneError, match="share in"):
        ImbSAM(sgd(model), COUNTS, share=1.2)
    with pytest.raises(TailtuneError, match=r"\[K\]"):
        ImbSAM(sgd(model), [[1, 2]])
    x, _ = batch(0)
    with pytest.raises(TailtuneError, match=r"shape \[12\] .* or \[12, 3\] .*, however: \(12, 4\)"):
        imbsam()(model).step(lambda: (model(x).sum(1), torch.ones(12, 4)))

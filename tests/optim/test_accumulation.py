"""A batch in parts, and loops that call backward themselves, against one batch and one closure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.optim.grouped_sama import GroupedSAMA
from tailtune.optim.imbsam import ImbSAM
from tailtune.optim.sam import SAM
from tailtune.optim.sama import SAMA

COUNTS = (500, 60, 9)

OPTIMISERS: dict[str, Callable[..., SAM]] = {
    "sam": lambda base, **more: SAM(base, rho=0.3, **more),
    "asam": lambda base, **more: SAM(base, rho=0.3, adaptive=True, **more),
    "mean_radius": lambda base, **more: SAMA(base, COUNTS, rho=0.3, cap=1.5, **more),
    "batch_gradient": lambda base, **more: SAMA(base, COUNTS, rho=0.3, normalise="batch_gradient", **more),
    "official": lambda base, **more: SAMA(base, COUNTS, rho=0.3, rule="official", **more),
    "imbsam": lambda base, **more: ImbSAM(base, COUNTS, rho=0.3, factor=2.0, **more),
    "grouped": lambda base, **more: GroupedSAMA(base, COUNTS, rho=0.3, **more),
    "rho 0": lambda base, **more: SAM(base, rho=0.0, **more),
}
TWO_STEPS = ["sam", "asam", "mean_radius", "official", "rho 0"]


def network(batchnorm: bool = False, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(1)
    middle = [nn.BatchNorm1d(8)] if batchnorm else []
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Linear(8, 3)).to(dtype)


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)


def batch(step: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    targets = torch.multinomial(torch.tensor([0.6, 0.3, 0.1]), 12, replacement=True, generator=generator)
    return torch.randn(12, 5, generator=generator, dtype=dtype), targets


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def losses_of(model: nn.Module, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return functional.cross_entropy(model(x), targets, reduction="none"), targets


def in_parts(model: nn.Module, x: Tensor, targets: Tensor, sizes: list[int]) -> Callable[[], Iterator[Any]]:
    def closure() -> Iterator[tuple[Tensor, Tensor]]:
        for part, own in zip(x.split(sizes), targets.split(sizes), strict=True):
            yield losses_of(model, part, own)

    return closure


@pytest.mark.parametrize("sizes", [[12], [4, 4, 4], [5, 1, 6]], ids=str)
@pytest.mark.parametrize("name", OPTIMISERS)
def test_parts_of_a_batch_are_the_batch(name: str, sizes: list[int]) -> None:
    whole, parts = network(), network()
    one, several = OPTIMISERS[name](sgd(whole)), OPTIMISERS[name](sgd(parts))
    for step in range(3):
        x, targets = batch(step)
        wanted = one.step(lambda x=x, t=targets: losses_of(whole, x, t))
        loss = several.step(in_parts(parts, x, targets, sizes))
        torch.testing.assert_close(loss, wanted, atol=1e-12, rtol=0)
    torch.testing.assert_close(weights(parts), weights(whole), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["sam", "batch_gradient", "imbsam"])
def test_auxiliary_terms_of_parts_are_averaged_as_their_samples(name: str) -> None:
    whole, parts = network(), network()
    x, targets = batch(0)
    targets = torch.tensor([0, 2] * 6)  # each part below has the mean radius, and the tail, of the batch

    def closure() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for rows in (slice(0, 4), slice(4, 12)):
            yield *losses_of(parts, x[rows], targets[rows]), parts(x[rows]).square().mean()

    one = OPTIMISERS[name](sgd(whole)).step(lambda: (*losses_of(whole, x, targets), whole(x).square().mean()))
    torch.testing.assert_close(OPTIMISERS[name](sgd(parts)).step(closure), one, atol=1e-12, rtol=0)
    torch.testing.assert_close(weights(parts), weights(whole), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", [name for name in OPTIMISERS if name != "grouped"])
def test_each_part_climbs_by_its_own_gradient(name: str) -> None:
    model, sizes = network(), [5, 1, 6]
    x, targets = batch(0)
    OPTIMISERS[name](torch.optim.SGD(model.parameters(), lr=0.1), accumulate="each").step(
        in_parts(model, x, targets, sizes)
    )
    moves = []
    for part, own in zip(x.split(sizes), targets.split(sizes), strict=True):
        alone = network()
        OPTIMISERS[name](torch.optim.SGD(alone.parameters(), lr=0.1)).step(
            lambda m=alone, x=part, t=own: losses_of(m, x, t)
        )
        moves.append(len(own) / 12 * (weights(alone) - weights(network())))
    torch.testing.assert_close(weights(model), weights(network()) + sum(moves), atol=1e-12, rtol=0)


def test_both_modes_perturb_differently_and_agree_on_a_single_part() -> None:
    results = {}
    for mode in ("whole", "each"):
        for sizes in ([4, 4, 4], [12]):
            model = network()
            SAM(sgd(model), rho=0.3, accumulate=mode).step(in_parts(model, *batch(0), sizes))  # type: ignore[arg-type]
            results[mode, len(sizes)] = weights(model)
    assert torch.equal(results["whole", 1], results["each", 1])
    assert not torch.allclose(results["whole", 3], results["each", 3], atol=1e-6)


def test_one_part_at_a_time_is_in_memory_and_batchnorm_moves_once_a_part() -> None:
    x, targets = batch(0)
    for mode in ("whole", "each"):
        model, order = network(batchnorm=True), []

        def backward(loss: Tensor, order: list[str] = order) -> None:
            order.append("backward")
            loss.backward()

        def closure(model: nn.Module = model, order: list[str] = order) -> Iterator[tuple[Tensor, Tensor]]:
            for part, own in zip(x.split(4), targets.split(4), strict=True):
                order.append("forward")
                yield losses_of(model, part, own)

        SAM(sgd(model), model, accumulate=mode, backward=backward).step(closure)  # type: ignore[arg-type]
        assert order == ["forward", "backward"] * 6
        assert model[1].num_batches_tracked == 3
        assert model[1].track_running_stats


@pytest.mark.parametrize("mode", ["whole", "each"])
def test_an_iterator_that_is_used_up_is_refused_and_leaves_the_weights(mode: Any) -> None:
    model = network()
    x, targets = batch(0)
    loader = iter(list(zip(x.split(4), targets.split(4), strict=True)))

    def closure() -> Iterator[tuple[Tensor, Tensor]]:
        for part, own in loader:
            yield losses_of(model, part, own)

    with pytest.raises(TailtuneError, match=r"loop over a list of microbatches, not over an iterator"):
        SAM(sgd(model), rho=0.3, accumulate=mode).step(closure)
    assert torch.equal(weights(model), weights(network()))


def test_other_samples_in_the_second_pass_are_refused() -> None:
    model, sizes = network(), iter(([4, 4, 4], [4]))
    x, targets = batch(0)
    with pytest.raises(TailtuneError, match="gave 12 samples at first and 4 when it was called again"):
        SAM(sgd(model)).step(lambda: in_parts(model, x[: sum(s := next(sizes))], targets[: sum(s)], s)())
    assert torch.equal(weights(model), weights(network()))


def test_a_yield_within_autocast_is_refused() -> None:
    model = network(dtype=torch.float32)
    x, targets = batch(0, torch.float32)

    def within() -> Iterator[tuple[Tensor, Tensor]]:
        with torch.autocast("cpu", torch.bfloat16):
            yield losses_of(model, x, targets)

    def around() -> Iterator[tuple[Tensor, Tensor]]:
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x)
        yield functional.cross_entropy(logits.float(), targets, reduction="none"), targets

    optimizer = SAM(sgd(model))
    with pytest.raises(TailtuneError, match=r"yields within torch.autocast"):
        optimizer.step(within)
    assert not torch.is_autocast_enabled("cpu")
    optimizer.step(around)


def test_other_modes_are_refused() -> None:
    with pytest.raises(TailtuneError, match="accumulate must be 'whole' or 'each'"):
        SAM(sgd(network()), accumulate="sum")  # type: ignore[arg-type]


def train_in_two_steps(model: nn.Module, optimizer: SAM, steps: int, parts: int = 1) -> None:
    for step in range(steps):
        x, targets = batch(step, next(model.parameters()).dtype)
        microbatches = list(zip(x.chunk(parts), targets.chunk(parts), strict=True))
        for part, own in microbatches:
            (optimizer.ascent_loss(*losses_of(model, part, own)) / parts).backward()
        optimizer.first_step(zero_grad=True)
        for part, own in microbatches:
            (losses_of(model, part, own)[0].mean() / parts).backward()
        optimizer.second_step(zero_grad=True)


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("name", TWO_STEPS)
def test_first_and_second_step_give_the_bits_of_the_closure(name: str, batchnorm: bool) -> None:
    by_closure, by_hand = (network(batchnorm, torch.float32) for _ in range(2))
    optimizer = OPTIMISERS[name](sgd(by_closure), model=by_closure)
    for step in range(3):
        x, targets = batch(step, torch.float32)
        optimizer.step(lambda x=x, t=targets: losses_of(by_closure, x, t))
    train_in_two_steps(by_hand, OPTIMISERS[name](sgd(by_hand), model=by_hand), 3)
    for ours, wanted in zip(by_hand.state_dict().values(), by_closure.state_dict().values(), strict=True):
        assert torch.equal(ours, wanted)


@pytest.mark.parametrize("name", TWO_STEPS)
def test_two_steps_accumulate_as_the_closure_does(name: str) -> None:
    by_closure, by_hand = network(), network()
    optimizer = OPTIMISERS[name](sgd(by_closure))
    for step in range(3):
        optimizer.step(in_parts(by_closure, *batch(step), [4, 4, 4]))
    train_in_two_steps(by_hand, OPTIMISERS[name](sgd(by_hand)), 3, parts=3)
    torch.testing.assert_close(weights(by_hand), weights(by_closure), atol=1e-12, rtol=0)


def test_clipping_and_left_gradients_of_two_steps() -> None:
    model, clipped = network(), []
    optimizer = SAM(sgd(model), before_step=lambda: clipped.append(nn.utils.clip_grad_norm_(model.parameters(), 0.1)))
    losses_of(model, *batch(0))[0].mean().backward()
    optimizer.first_step()
    assert all(p.grad is None for p in model.parameters())
    losses_of(model, *batch(0))[0].mean().backward()
    optimizer.second_step(zero_grad=False)
    assert len(clipped) == 1
    assert all(p.grad is not None for p in model.parameters())


def test_two_steps_out_of_order_are_refused() -> None:
    model = network()
    optimizer = SAM(sgd(model))
    closure = lambda: losses_of(model, *batch(0))  # noqa: E731
    with pytest.raises(TailtuneError, match="second_step without first_step"):
        optimizer.second_step()
    with pytest.raises(TailtuneError, match="no parameter of the optimiser got a gradient"):
        optimizer.first_step()
    closure()[0].mean().backward()
    with pytest.raises(TailtuneError, match=r"first_step\(zero_grad=True\)"):
        optimizer.first_step(zero_grad=False)
    optimizer.first_step()
    for again in (optimizer.first_step, lambda: optimizer.step(closure)):
        with pytest.raises(TailtuneError, match="second_step"):
            again()
    closure()[0].mean().backward()
    optimizer.second_step()
    with pytest.raises(TailtuneError, match="first_step and second_step"):
        optimizer.step()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mean_radius", r"SAMA.first_step needs the radii .* optimizer.ascent_loss\(losses, targets\)"),
        ("batch_gradient", "one backward pass: take normalise='mean_radius'"),
        ("imbsam", "one backward pass, and ImbSAM takes two"),
        ("grouped", "one backward pass, and GroupedSAMA takes several"),
    ],
)
def test_what_two_steps_cannot_do_is_refused(name: str, words: str) -> None:
    model = network()
    optimizer = OPTIMISERS[name](sgd(model))
    losses_of(model, *batch(0))[0].mean().backward()
    with pytest.raises(TailtuneError, match=words):
        optimizer.first_step()
    assert torch.equal(weights(model), weights(network()))

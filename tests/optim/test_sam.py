from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.optim.sam import SAM, Closure
from tailtune.optim.sama import SAMA

COUNTS = (500, 60, 9)


def data(n: int = 12, dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 5, generator=generator, dtype=dtype), torch.randint(3, (n,), generator=generator)


def network(dtype: torch.dtype = torch.float32, batchnorm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(1)
    middle = [nn.BatchNorm1d(8)] if batchnorm else []
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)).to(dtype)


def sgd(model: nn.Module, **settings: float) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), **({"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3} | settings))


def closure_of(model: Callable[[Tensor], Tensor], x: Tensor, targets: Tensor) -> Closure:
    return lambda: (functional.cross_entropy(model(x), targets, reduction="none"), targets)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def sama(base: torch.optim.Optimizer, **settings: object) -> SAMA:
    return SAMA(base, COUNTS, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrap", [SAM, sama])
def test_rho_0_is_the_base_optimiser(wrap: Callable[..., SAM]) -> None:
    x, targets = data()
    plain, sharp = network(dropout=0.3), network(dropout=0.3)
    base, optimizer = sgd(plain), wrap(sgd(sharp), rho=0.0)
    torch.manual_seed(2)
    for _ in range(4):
        base.zero_grad()
        functional.cross_entropy(plain(x), targets).backward()
        base.step()
    torch.manual_seed(2)  # one pass a step draws as many dropout masks as the base
    for _ in range(4):
        optimizer.step(closure_of(sharp, x, targets))
    torch.testing.assert_close(weights(sharp), weights(plain), rtol=0, atol=1e-7)


@pytest.mark.parametrize("adaptive", [False, True])
def test_one_step_is_the_formula(adaptive: bool) -> None:
    x, targets = data(dtype=torch.float64)
    model = network(torch.float64)
    w = [p.detach().numpy().copy() for p in model.parameters()]
    lr, rho = 0.1, 0.3

    def gradients(at: list[np.ndarray]) -> list[np.ndarray]:
        copy = network(torch.float64)
        with torch.no_grad():
            for p, value in zip(copy.parameters(), at, strict=True):
                p.copy_(torch.from_numpy(value))
        functional.cross_entropy(copy(x), targets).backward()
        return [p.grad.numpy() for p in copy.parameters() if p.grad is not None]

    g = gradients(w)
    if adaptive:
        norm = np.sqrt(sum(((np.abs(wi) * gi) ** 2).sum() for wi, gi in zip(w, g, strict=True)))
        perturbed = [wi + rho * wi**2 * gi / norm for wi, gi in zip(w, g, strict=True)]
    else:
        norm = np.sqrt(sum((gi**2).sum() for gi in g))
        perturbed = [wi + rho * gi / norm for wi, gi in zip(w, g, strict=True)]
    wanted = [wi - lr * gi for wi, gi in zip(w, gradients(perturbed), strict=True)]

    before = functional.cross_entropy(model(x), targets).detach()
    optimizer = SAM(torch.optim.SGD(model.parameters(), lr=lr), rho=rho, adaptive=adaptive)
    returned = optimizer.step(closure_of(model, x, targets))
    torch.testing.assert_close(returned, before)
    assert not returned.requires_grad
    for p, value in zip(model.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), value, atol=1e-12)


def test_each_group_has_its_own_rho_under_one_norm() -> None:
    x, targets = data(dtype=torch.float64)
    model, frozen = network(torch.float64), network(torch.float64)
    seen: list[Tensor] = []

    def closure() -> tuple[Tensor, Tensor]:
        seen.append(weights(model))
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    groups = [{"params": model[0].parameters(), "rho": 0.2}, {"params": model[-1].parameters()}]
    optimizer = SAM(torch.optim.SGD(groups, lr=0.1), rho=0.05)
    assert [group["rho"] for group in optimizer.param_groups] == [0.2, 0.05]
    optimizer.step(closure)
    functional.cross_entropy(frozen(x), targets).backward()
    g = [p.grad.flatten() for p in frozen.parameters() if p.grad is not None]
    scaled = torch.cat([0.2 * g[0], 0.2 * g[1], 0.05 * g[2], 0.05 * g[3]]) / torch.cat(g).norm()
    torch.testing.assert_close(seen[1] - seen[0], scaled, atol=1e-12, rtol=0)


def test_rho_can_be_scheduled_through_the_groups() -> None:
    x, targets = data(dtype=torch.float64)
    results = []
    for start in (0.5, 0.05):
        model = network(torch.float64)
        optimizer = SAM(sgd(model), rho=start)
        optimizer.param_groups[0]["rho"] = 0.2
        optimizer.step(closure_of(model, x, targets))
        results.append(weights(model))
    assert torch.equal(*results)


@pytest.mark.parametrize("wrap", [SAM, sama])
def test_training_goes_down_with_adamw_as_base(wrap: Callable[..., SAM]) -> None:
    x, _ = data(40)
    targets = x[:, :3].argmax(1)
    model = network()
    optimizer = wrap(torch.optim.AdamW(model.parameters(), lr=0.02))
    losses = [optimizer.step(closure_of(model, x, targets)).item() for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    assert len(optimizer.state) == len(list(model.parameters()))


def test_weight_decay_differs_by_group_as_in_the_base() -> None:
    x, targets = data()
    model = network()
    decay = [
        {"params": model[0].parameters(), "weight_decay": 0.5},
        {"params": model[-1].parameters(), "weight_decay": 0.0},
    ]
    optimizer = SAM(torch.optim.SGD(decay, lr=0.1), rho=0.05)
    undecayed = network()
    SAM(torch.optim.SGD(undecayed.parameters(), lr=0.1), rho=0.05).step(closure_of(undecayed, x, targets))
    start = network()
    optimizer.step(closure_of(model, x, targets))
    torch.testing.assert_close(model[0].weight, undecayed[0].weight - 0.1 * 0.5 * start[0].weight)
    torch.testing.assert_close(model[-1].weight, undecayed[-1].weight)


@pytest.mark.parametrize("wrapped", [True, False], ids=["on SAM", "on its base"])
def test_learning_rate_schedulers_work(wrapped: bool) -> None:
    x, targets = data()
    model = network()
    base = sgd(model)
    optimizer = SAM(base)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer if wrapped else base, T_max=3)
    for _ in range(3):
        optimizer.step(closure_of(model, x, targets))
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == base.param_groups[0]["lr"] == pytest.approx(0)
    at_end = weights(model)
    optimizer.step(closure_of(model, x, targets))
    assert torch.equal(weights(model), at_end)


def test_clipping_acts_on_the_gradient_that_is_applied() -> None:
    x, targets = data()
    model = network()
    start = weights(model)

    def clip() -> None:
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)

    optimizer = SAM(torch.optim.SGD(model.parameters(), lr=1.0), rho=0.5, before_step=clip)
    optimizer.step(closure_of(model, x, targets))
    assert (weights(model) - start).norm().item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("wrap", [SAM, sama])
def test_state_round_trip_resumes_to_identical_weights(wrap: Callable[..., SAM]) -> None:
    def run(model: nn.Module, optimizer: SAM, steps: range) -> None:
        for step in steps:
            optimizer.step(closure_of(model, *data(seed=step)))

    straight = network()
    run(straight, wrap(sgd(straight), rho=0.1), range(6))
    first = network()
    optimizer = wrap(sgd(first), rho=0.1)
    run(first, optimizer, range(3))
    saved = {"model": first.state_dict(), "optimizer": optimizer.state_dict()}

    second = network()
    with torch.no_grad():
        second[0].weight.zero_()
    resumed = wrap(sgd(second, lr=0.7), rho=0.9)
    second.load_state_dict(saved["model"])
    resumed.load_state_dict(saved["optimizer"])
    assert (resumed.param_groups[0]["lr"], resumed.param_groups[0]["rho"]) == (0.1, 0.1)
    assert resumed.base.param_groups is resumed.param_groups
    run(second, resumed, range(3, 6))
    assert torch.equal(weights(second), weights(straight))


def test_loads_the_state_of_a_bare_base() -> None:
    x, targets = data()
    model = network()
    base = sgd(model)
    functional.cross_entropy(model(x), targets).backward()
    base.step()
    other = network()
    optimizer = SAM(sgd(other), rho=0.3)
    optimizer.load_state_dict(base.state_dict())
    assert optimizer.param_groups[0]["rho"] == 0.3
    momentum = optimizer.state[next(iter(other.parameters()))]["momentum_buffer"]
    assert torch.equal(momentum, base.state[next(iter(model.parameters()))]["momentum_buffer"])


def test_groups_added_later_share_the_base() -> None:
    model = network()
    optimizer = SAM(torch.optim.SGD(model[0].parameters(), lr=0.1), rho=0.2)
    optimizer.add_param_group({"params": model[-1].parameters(), "lr": 0.01})
    assert len(optimizer.base.param_groups) == 2
    assert [(g["lr"], g["rho"]) for g in optimizer.param_groups] == [(0.1, 0.2), (0.01, 0.2)]
    start = network()
    optimizer.step(closure_of(model, *data()))
    assert not torch.equal(model[-1].weight, start[-1].weight)
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_batchnorm_statistics_come_from_the_unperturbed_pass_alone() -> None:
    x, targets = data()
    model, once = network(batchnorm=True), network(batchnorm=True)
    outputs: list[Tensor] = []

    def closure() -> tuple[Tensor, Tensor]:
        outputs.append(model[:2](x).detach())
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    once(x)
    once(x)  # the closure passes twice through the layer at the weights, and twice at the perturbed ones
    SAM(sgd(model), model, rho=0.5).step(closure)
    assert model[1].num_batches_tracked == 2
    for name, buffer in once.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], buffer, rtol=0, atol=0)
    assert model[1].track_running_stats
    bias, weight = torch.zeros(8), torch.ones(8)
    assert not torch.equal(outputs[0], outputs[1])
    torch.testing.assert_close(outputs[0].mean(0), bias, atol=1e-6, rtol=0)  # normalised by the batch
    torch.testing.assert_close(outputs[1].mean(0), bias, atol=0.2, rtol=0)
    torch.testing.assert_close(outputs[1].std(0, correction=0), weight, atol=0.2, rtol=0)


def test_frozen_batchnorm_stays_frozen() -> None:
    x, targets = data()
    model = network(batchnorm=True)
    model(x)
    model[1].eval()
    buffers = [b.clone() for b in model.buffers()]
    logits: list[Tensor] = []

    def closure() -> tuple[Tensor, Tensor]:
        logits.append(model(x))
        return functional.cross_entropy(logits[-1], targets, reduction="none"), targets

    SAM(sgd(model), model, rho=1e-9).step(closure)
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=1e-5)  # by running statistics in both
    assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))


@pytest.mark.parametrize("around_step", [False, True])
def test_bf16_autocast_inside_the_closure_or_around_the_step(around_step: bool) -> None:
    x, targets = data(32)
    model = network()
    optimizer = SAM(torch.optim.SGD(model.parameters(), lr=0.1), rho=0.5)
    logits: list[Tensor] = []

    def closure() -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            logits.append(model(x))
        return functional.cross_entropy(logits[-1].float(), targets, reduction="none"), targets

    with torch.autocast("cpu", torch.bfloat16, enabled=around_step):
        optimizer.step(closure)
    assert logits[0].dtype == torch.bfloat16
    assert not torch.equal(logits[0], logits[1])  # the second pass sees the perturbed weights, not a cached cast
    in_float32 = network()
    SAM(torch.optim.SGD(in_float32.parameters(), lr=0.1), rho=0.5).step(closure_of(in_float32, x, targets))
    torch.testing.assert_close(weights(model), weights(in_float32), atol=3e-3, rtol=0)


def test_losses_in_bf16_are_averaged_in_float32() -> None:
    x, targets = data(32)
    model = network()

    def closure() -> tuple[Tensor, Tensor]:
        return functional.cross_entropy(model(x), targets, reduction="none").to(torch.bfloat16), targets

    assert SAMA(sgd(model), COUNTS).step(closure).dtype == torch.float32


def test_fp16_is_refused_in_words() -> None:
    x, targets = data()
    model = network()

    def closure() -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.float16):
            logits = model(x)
        return functional.cross_entropy(logits.float(), targets, reduction="none"), targets

    with pytest.raises(TailtuneError, match=r"bf16.*or fp32"):
        SAM(sgd(model)).step(closure)


def test_a_gradient_scaler_is_refused_in_words() -> None:
    x, targets = data()
    model = network()
    scaler = torch.amp.GradScaler("cpu")
    optimizer = SAM(sgd(model), backward=lambda loss: scaler.scale(loss).backward())
    scaler.scale(torch.zeros(()))
    with pytest.raises(TailtuneError, match="gradient scaling"):
        scaler.step(optimizer, closure_of(model, x, targets))


@pytest.mark.parametrize("bad_pass", [0, 1])
def test_a_loss_that_is_not_finite_is_returned_as_nan(bad_pass: int) -> None:
    x, targets = data()
    model = network()
    passes = 0

    def closure() -> tuple[Tensor, Tensor]:
        nonlocal passes
        factor = torch.inf if passes == bad_pass else 1.0
        passes += 1
        return factor * functional.cross_entropy(model(x), targets, reduction="none"), targets

    assert SAM(sgd(model)).step(closure).isnan()


def test_an_infinite_gradient_of_a_finite_loss_is_returned_as_nan() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = SAM(torch.optim.SGD([weight], lr=0.1))
    assert optimizer.step(lambda: (weight.sqrt(), torch.zeros(1))).isnan()


def test_a_zero_gradient_perturbs_nothing() -> None:
    weight = nn.Parameter(torch.ones(2))
    seen = []

    def closure() -> tuple[Tensor, Tensor]:
        seen.append(weight.detach().clone())
        return 0 * weight, torch.zeros(2)

    SAM(torch.optim.SGD([weight], lr=0.1), rho=100.0).step(closure)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(weight, torch.ones(2))


def test_an_interrupted_second_pass_leaves_the_true_weights() -> None:
    x, targets = data()
    model = network(batchnorm=True)
    start = weights(model)
    passes = iter([False, True])

    def closure() -> tuple[Tensor, Tensor]:
        if next(passes):
            assert not torch.equal(weights(model), start)
            raise KeyboardInterrupt
        return functional.cross_entropy(model(x), targets, reduction="none"), targets

    with pytest.raises(KeyboardInterrupt):
        SAM(sgd(model), model, rho=0.1).step(closure)
    assert torch.equal(weights(model), start)
    assert model[1].track_running_stats


def test_parameters_without_gradient_are_left_alone() -> None:
    x, targets = data()
    model = network()
    unused = nn.Parameter(torch.ones(3))
    model[0].weight.requires_grad_(False)
    start = model[0].weight.clone()
    optimizer = SAM(torch.optim.SGD([*model.parameters(), unused], lr=0.1, weight_decay=0.1), model)
    for _ in range(2):
        optimizer.step(closure_of(model, x, targets))
    assert torch.equal(unused, torch.ones(3))
    assert torch.equal(model[0].weight, start)


def test_the_same_parameters_need_not_take_part_in_every_step() -> None:
    x, targets = data()
    first, second = network(), network()
    optimizer = SAM(torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1), rho=0.1)
    alone = network()
    reference = SAM(torch.optim.SGD(alone.parameters(), lr=0.1), rho=0.1)
    for model in (first, second, first):
        optimizer.step(closure_of(model, x, targets))
    for _ in range(2):
        reference.step(closure_of(alone, x, targets))
    assert torch.equal(weights(first), weights(alone))


def test_a_model_that_changes_precision_between_steps_is_restored_exactly() -> None:
    x, targets = data(dtype=torch.float64)
    model = network()
    optimizer = SAM(torch.optim.SGD(model.parameters(), lr=0.0), rho=0.1)
    optimizer.step(closure_of(model, x.float(), targets))
    model.double()
    with torch.no_grad():
        model[0].weight.div_(3)
    start = weights(model)
    optimizer.step(closure_of(model, x, targets))
    assert torch.equal(weights(model), start)


def test_backward_can_be_replaced_and_runs_twice() -> None:
    x, targets = data()
    model, plain = network(), network()
    scalars: list[Tensor] = []

    def backward(loss: Tensor) -> None:
        scalars.append(loss.detach())
        loss.backward()

    SAM(sgd(model), backward=backward).step(closure_of(model, x, targets))
    SAM(sgd(plain)).step(closure_of(plain, x, targets))
    assert [s.ndim for s in scalars] == [0, 0]
    assert torch.equal(weights(model), weights(plain))


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_gradients_of_others_are_refused_and_zeros_are_not(rho: float) -> None:
    x, targets = data()
    model, clean = network(), network()
    optimizer = SAM(sgd(model), rho=rho)
    start = weights(model)
    closure_of(model, x, targets)()[0].mean().backward()
    with pytest.raises(TailtuneError, match=r"gradients when SAM.step\(closure\) began.* yield the microbatches"):
        optimizer.step(closure_of(model, x, targets))
    assert torch.equal(weights(model), start)
    optimizer.zero_grad(set_to_none=False)
    optimizer.step(closure_of(model, x, targets))
    SAM(sgd(clean), rho=rho).step(closure_of(clean, x, targets))
    assert torch.equal(weights(model), weights(clean))
    assert all(p.grad is None for p in model.parameters())  # so a second step needs no zero_grad


def test_a_step_that_failed_leaves_no_gradient_for_the_next() -> None:
    x, targets = data()
    model = network()
    optimizer = SAM(sgd(model))
    with pytest.raises(TailtuneError, match="must return tensors"):
        optimizer.step(lambda: (x.sum() / 0).item())  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        optimizer.step(fails_at_its_second_call(closure_of(model, x, targets)))
    optimizer.step(closure_of(model, x, targets))


def fails_at_its_second_call(closure: Closure) -> Closure:
    calls = iter((1, 0))

    def failing() -> object:
        1 / next(calls)
        return closure()

    return failing  # type: ignore[return-value]


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_a_closure_that_makes_no_gradient_is_refused(rho: float) -> None:
    x, targets = data()
    model = network()
    optimizer = SAM(sgd(model), rho=rho)

    @torch.no_grad()
    def closure() -> object:
        return closure_of(model, x, targets)()

    with pytest.raises(TailtuneError, match=r"losses without a gradient: .* outside of torch.no_grad"):
        optimizer.step(closure)  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match="no parameter of the optimiser got a gradient"):
        SAM(sgd(network()), rho=rho).step(closure_of(model, x, targets))


def test_a_backward_that_scales_the_loss_is_refused() -> None:
    x, targets = data()
    model = network()
    optimizer = SAM(sgd(model), backward=lambda loss: (loss / 4).backward())  # as Accelerate's, which accumulates 4
    start = weights(model)
    with pytest.raises(TailtuneError, match=r"multiplies the loss by 0.25, .*gradient_accumulation_steps=1"):
        optimizer.step(closure_of(model, x, targets))
    assert torch.equal(weights(model), start)


def test_batchnorm_without_the_model_warns_once() -> None:
    x, targets = data()
    model = network(batchnorm=True)
    optimizer = SAM(sgd(model))
    with pytest.warns(UserWarning, match=r"BatchNorm layers, but .* without model="):
        optimizer.step(closure_of(model, x, targets))
    for quiet in (optimizer, SAM(sgd(model), model)):
        quiet.step(closure_of(model, x, targets))
    model[1].eval()
    SAM(sgd(model)).step(closure_of(model, x, targets))  # frozen layers move nothing


def test_the_auxiliary_term_is_part_of_both_passes() -> None:
    x, targets = data(dtype=torch.float64)
    model, folded = network(torch.float64), network(torch.float64)

    def closure() -> tuple[Tensor, Tensor, Tensor]:
        return *closure_of(model, x, targets)()[:2], model(x).square().mean()

    def one_loss() -> tuple[Tensor, Tensor]:
        losses, _ = closure_of(folded, x, targets)()[:2]
        return losses + folded(x).square().mean(), targets

    returned = SAM(sgd(model), rho=0.3).step(closure)
    torch.testing.assert_close(returned, SAM(sgd(folded), rho=0.3).step(one_loss))
    torch.testing.assert_close(weights(model), weights(folded), atol=1e-12, rtol=0)


def test_works_under_no_grad() -> None:
    model = network()
    with torch.no_grad():
        loss = SAM(sgd(model)).step(closure_of(model, *data()))
    assert loss.isfinite()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda losses: losses, "must return tensors"),
        (lambda losses: (losses, losses, losses, losses), "must return tensors"),
        (lambda losses: (losses.mean(), losses), "losses of one or more samples"),
        (lambda losses: (losses[:0], losses[:0]), "losses of one or more samples"),
        (lambda losses: (losses, losses, losses), "scalar"),
    ],
)
def test_other_results_of_the_closure_are_refused(result: Callable[[Tensor], object], message: str) -> None:
    model = network()
    x, targets = data()

    def closure() -> object:
        return result(functional.cross_entropy(model(x), targets, reduction="none"))

    with pytest.raises(TailtuneError, match=message):
        SAM(sgd(model)).step(closure)  # type: ignore[arg-type]


def test_other_refusals() -> None:
    model = network()
    x, targets = data()
    with pytest.raises(TailtuneError, match="needs a closure"):
        SAM(sgd(model)).step()
    with pytest.raises(TailtuneError, match="optimiser instance"):
        SAM(torch.optim.SGD)  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match="optimiser instance"):
        SAM(SAM(sgd(model)))
    with pytest.raises(TailtuneError, match="rho"):
        SAM(sgd(model), rho=-0.1)
    other = network()
    with pytest.raises(TailtuneError, match="no parameter"):
        SAM(sgd(other)).step(closure_of(model, x, targets))

"""What every loss of the package must do, whatever its equation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.balanced_softmax import BalancedSoftmaxLoss
from tailtune.losses.cross_entropy import cross_entropy
from tailtune.losses.focal import FocalLoss
from tailtune.losses.label_aware import LabelAwareSmoothing
from tailtune.losses.ldam import LDAMLoss
from tailtune.losses.logit_adjusted import LogitAdjustedLoss
from tailtune.losses.smoothing import ClassConditionalSmoothing, LabelSmoothing
from tailtune.profile import ClassProfile

COUNTS = (500, 120, 31, 7, 0)  # the last class is empty
K = len(COUNTS)
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]

Make = Callable[[Sequence[int]], Callable[[Tensor, Tensor], Tensor]]
LOSSES: dict[str, Make] = {
    "cross_entropy": lambda counts: cross_entropy,
    "label_smoothing": lambda counts: LabelSmoothing(len(counts), 0.1),
    "class_conditional_smoothing": lambda counts: ClassConditionalSmoothing(counts, 0.1),
    "label_aware_smoothing": lambda counts: LabelAwareSmoothing(counts, head=0.4, tail=0.1),
    "focal_half": lambda counts: FocalLoss(0.5),
    "focal": lambda counts: FocalLoss(2.0),
    "ldam": lambda counts: LDAMLoss(counts),
    "logit_adjusted": lambda counts: LogitAdjustedLoss(counts, tau=1.5),
    "balanced_softmax": lambda counts: BalancedSoftmaxLoss(counts),
}
NOT_LINEAR = {"ldam"}  # in the targets, see LDAMLoss
MODULES = [name for name in LOSSES if name != "cross_entropy"]
every_loss = pytest.mark.parametrize("name", LOSSES)
every_module = pytest.mark.parametrize("name", MODULES)


def rows(n: int = 12, seed: int = 0, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits in float64 and class indices, among them none of the empty class."""
    generator = torch.Generator().manual_seed(seed)
    return (
        scale * torch.randn(n, K, generator=generator, dtype=torch.float64),
        torch.randint(K - 1, (n,), generator=generator),
    )


def one_hot(targets: Tensor) -> Tensor:
    return functional.one_hot(targets, K).double()


def soft(n: int = 12, seed: int = 1) -> Tensor:
    return torch.rand(n, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).softmax(1)


@every_loss
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.1, 3.0, 40.0]))
@settings(max_examples=20, deadline=None)
def test_one_hot_targets_give_the_losses_of_class_indices(name: str, seed: int, scale: float) -> None:
    logits, targets = rows(seed=seed, scale=scale)
    loss = LOSSES[name](COUNTS)
    torch.testing.assert_close(loss(logits, one_hot(targets)), loss(logits, targets))


@every_loss
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses_where_it_says_so(name: str) -> None:
    (logits, first), (_, second) = rows(), rows(seed=5)
    loss = LOSSES[name](COUNTS)
    mixed = loss(logits, 0.3 * one_hot(first) + 0.7 * one_hot(second))
    mixture = 0.3 * loss(logits, first) + 0.7 * loss(logits, second)
    assert torch.allclose(mixed, mixture, rtol=1e-6) == (name not in NOT_LINEAR)


@every_loss
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    loss = LOSSES[name](COUNTS)
    logits, _ = rows()
    together = loss(logits, soft())
    alone = torch.cat([loss(logits[i : i + 1], soft()[i : i + 1]) for i in range(len(logits))])
    torch.testing.assert_close(together, alone)


@every_loss
def test_a_batch_without_tail_classes(name: str) -> None:
    logits = rows()[0].requires_grad_()
    losses = LOSSES[name](COUNTS)(logits, torch.zeros(12, dtype=torch.int64))
    losses.sum().backward()
    assert losses.shape == (12,)
    assert torch.isfinite(losses).all()
    assert (losses >= 0).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@every_loss
def test_adding_a_number_to_all_logits_changes_nothing(name: str) -> None:
    logits, targets = rows()
    loss = LOSSES[name](COUNTS)
    torch.testing.assert_close(loss(logits + 7, targets), loss(logits, targets))
    torch.testing.assert_close(loss(logits - 7, soft()), loss(logits, soft()))


@every_loss
@pytest.mark.parametrize("of", ["class indices", "soft targets"])
def test_gradients_are_those_of_finite_differences(name: str, of: str) -> None:
    logits, targets = rows(6)
    q = targets if of == "class indices" else soft(6)
    loss = LOSSES[name](COUNTS)
    assert torch.autograd.gradcheck(lambda x: loss(x, q), (logits.requires_grad_(),))


@every_loss
@given(order=st.permutations(range(K)))
@settings(max_examples=15, deadline=None)
def test_renaming_the_classes_renames_the_gradients(name: str, order: list[int]) -> None:
    logits, _ = rows()
    q = soft()
    there = [COUNTS[k] for k in order]  # class k is called order.index(k) now
    first, second = logits.clone().requires_grad_(), logits[:, order].requires_grad_()
    losses, renamed = LOSSES[name](COUNTS)(first, q), LOSSES[name](there)(second, q[:, order])
    torch.testing.assert_close(renamed, losses)
    losses.sum().backward()
    renamed.sum().backward()
    assert first.grad is not None
    torch.testing.assert_close(second.grad, first.grad[:, order])


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_losses_and_gradients_are_finite_at_extreme_logits(name: str, size: float, dtype: torch.dtype) -> None:
    right = size * torch.eye(K, dtype=dtype)
    logits = torch.cat([right, -right, right.roll(1, 0), torch.zeros(K, K)]).requires_grad_()
    targets = torch.arange(K).repeat(4)
    for q in (targets, one_hot(targets), torch.full((4 * K, K), 1 / K)):
        losses = LOSSES[name](COUNTS)(logits, q)
        assert torch.isfinite(losses).all()
        (gradient,) = torch.autograd.grad(losses.sum(), logits)
        assert torch.isfinite(gradient).all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_float32(name: str, dtype: torch.dtype) -> None:
    logits, targets = rows()[0].to(dtype), rows()[1]
    loss = LOSSES[name](COUNTS)
    for q in (targets, soft()):
        losses = loss(logits, q)
        assert losses.dtype == torch.float32
        torch.testing.assert_close(losses, loss(logits.float(), q))
    torch.testing.assert_close(loss(logits.double(), targets), loss(logits, targets).double(), rtol=1e-5, atol=1e-5)


@every_loss
def test_autocast_changes_nothing(name: str) -> None:
    logits, loss = rows()[0].float(), LOSSES[name](COUNTS)
    without = loss(logits, soft())
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(logits, soft()), without)


@every_loss
@pytest.mark.parametrize("device", DEVICES)
def test_follows_the_logits_to_their_device_and_back(name: str, device: str) -> None:
    loss = LOSSES[name](COUNTS)
    logits, targets = rows()[0].float(), rows()[1]
    losses = loss(logits.to(device), targets.to(device))
    assert losses.device.type == device
    assert losses.shape == (12,)
    if device == "cuda":
        torch.testing.assert_close(losses.cpu(), loss(logits, targets))
        torch.testing.assert_close(loss(logits.cuda(), soft().cuda()).cpu(), loss(logits, soft()))


@every_module
def test_holds_no_state_of_its_own_and_can_be_copied(name: str) -> None:
    loss = LOSSES[name](COUNTS)
    assert isinstance(loss, torch.nn.Module)
    assert loss.state_dict() == {}
    assert list(loss.parameters()) == []
    torch.testing.assert_close(copy.deepcopy(loss)(*rows()), loss(*rows()))
    assert repr(loss).startswith(type(loss).__name__)


@pytest.mark.parametrize(
    "make",
    [
        lambda r: LabelSmoothing(K, reduction=r),
        lambda r: ClassConditionalSmoothing(COUNTS, reduction=r),
        lambda r: LabelAwareSmoothing(COUNTS, reduction=r),
        lambda r: FocalLoss(reduction=r),
        lambda r: LDAMLoss(COUNTS, reduction=r),
        lambda r: LogitAdjustedLoss(COUNTS, reduction=r),
        lambda r: BalancedSoftmaxLoss(COUNTS, reduction=r),
    ],
)
def test_mean_divides_by_the_number_of_rows_and_other_reductions_are_refused(
    make: Callable[[str], Callable[[Tensor, Tensor], Tensor]],
) -> None:
    torch.testing.assert_close(make("mean")(*rows()), make("none")(*rows()).sum() / 12)
    torch.testing.assert_close(make("sum")(*rows()), make("none")(*rows()).sum())
    with pytest.raises(ValueError, match="reduction must be 'none', 'mean' or 'sum', however: reduction='total'"):
        make("total")


@every_loss
def test_targets_of_a_wrong_shape_are_refused(name: str) -> None:
    loss = LOSSES[name](COUNTS)
    for wrong in (torch.zeros(3, dtype=torch.int64), torch.zeros(12, K + 1), torch.zeros(3, K)):
        with pytest.raises(ValueError, match=r"targets must have shape \[12\] .* or \[12, 5\]"):
            loss(rows()[0], wrong)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("focal")])
def test_logits_of_another_number_of_classes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^the loss was made .* 5 classes, however: logits of shape \(12, 1\)$"):
        LOSSES[name](COUNTS)(rows()[0][:, :1], rows()[1])


@every_loss
@pytest.mark.parametrize(("wrong", "row"), [(-1, 3), (K, 0), (-100, 11)])
def test_a_target_that_is_no_class_is_refused_with_its_row(name: str, wrong: int, row: int) -> None:
    logits, targets = rows()
    targets[row] = wrong
    with pytest.raises(
        TailtuneError, match=rf"^target {wrong} in row {row} of the batch is none of the 5 classes 0..4"
    ):
        LOSSES[name](COUNTS)(logits, targets)


@every_loss
def test_class_indices_of_another_dtype_are_refused(name: str) -> None:
    with pytest.raises(TailtuneError, match=r"^class indices must be int64, however: torch.int32; convert"):
        LOSSES[name](COUNTS)(rows()[0], rows()[1].int())


IGNORING: dict[str, Callable[..., torch.nn.Module]] = {
    "label_smoothing": lambda **settings: LabelSmoothing(K, 0.1, **settings),
    "class_conditional_smoothing": lambda **settings: ClassConditionalSmoothing(COUNTS, 0.1, **settings),
    "label_aware_smoothing": lambda **settings: LabelAwareSmoothing(COUNTS, **settings),
    "focal": lambda **settings: FocalLoss(2.0, **settings),
    "ldam": lambda **settings: LDAMLoss(COUNTS, **settings),
    "logit_adjusted": lambda **settings: LogitAdjustedLoss(COUNTS, **settings),
    "balanced_softmax": lambda **settings: BalancedSoftmaxLoss(COUNTS, **settings),
}


@pytest.mark.parametrize("name", IGNORING)
@pytest.mark.parametrize("index", [-1, -100, 255, 2])
def test_ignored_rows_count_for_nothing_as_in_torch(name: str, index: int) -> None:
    make, (logits, targets) = IGNORING[name], rows()
    targets[[1, 7]] = index
    kept = targets != index
    logits.requires_grad_()
    losses = make(ignore_index=index)(logits, targets)
    wanted = make()(logits[kept], targets[kept])
    torch.testing.assert_close(losses[kept], wanted)
    assert (losses[~kept] == 0).all()
    torch.testing.assert_close(make(ignore_index=index, reduction="sum")(logits, targets), wanted.sum())
    mean = make(ignore_index=index, reduction="mean")(logits, targets)
    torch.testing.assert_close(mean, wanted.mean())
    (gradient,) = torch.autograd.grad(mean, logits)
    assert (gradient[~kept] == 0).all()
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_reductions_and_ignored_rows_are_those_of_torchs_label_smoothing(reduction: str) -> None:
    logits, targets = rows()
    targets[2] = -1
    torchs = functional.cross_entropy(logits, targets, ignore_index=-1, reduction=reduction, label_smoothing=0.1)
    ours = LabelSmoothing(K, 0.1, reduction=reduction, ignore_index=-1)  # type: ignore[arg-type]
    torch.testing.assert_close(ours(logits, targets), torchs)


def test_a_batch_of_ignored_rows_has_no_mean_as_in_torch() -> None:
    targets = torch.full((12,), -1)
    assert FocalLoss(reduction="mean", ignore_index=-1)(rows()[0], targets).isnan()
    assert FocalLoss(reduction="sum", ignore_index=-1)(rows()[0], targets) == 0


@pytest.mark.parametrize(
    "make", [ClassConditionalSmoothing, LabelAwareSmoothing, LDAMLoss, LogitAdjustedLoss, BalancedSoftmaxLoss]
)
def test_counts_are_read_alike(make: Callable[..., torch.nn.Module]) -> None:
    wanted = make(COUNTS)(*rows())
    for counts in (list(COUNTS), torch.tensor(COUNTS), ClassProfile(COUNTS)):
        torch.testing.assert_close(make(counts)(*rows()), wanted, rtol=0, atol=0)
    for bad in ((5,), (0, 0), (-1, 3), ((1, 2), (3, 4)), (float("nan"), 1), ("many", "few")):
        with pytest.raises(TailtuneError, match=r"^counts must be"):
            make(bad)


def test_every_loss_agrees_between_devices_that_can_and_cannot_look_at_the_targets() -> None:
    logits, targets = (tensor.to("meta") for tensor in rows())
    assert FocalLoss(ignore_index=-1, reduction="mean")(logits, targets).shape == ()

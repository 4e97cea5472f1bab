from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tailtune.errors import TailtuneError
from tailtune.losses.cross_entropy import cross_entropy
from tailtune.losses.smoothing import (
    ClassConditionalSmoothing,
    LabelSmoothing,
    class_conditional_matrix,
    smooth,
    smoothing_matrix,
)
from tailtune.losses.weights import weights_of_rows
from tailtune.profile import per_class

COUNTS = (5000, 900, 120, 30)
counts_strategy = st.lists(st.integers(0, 10_000), min_size=2, max_size=12).filter(any)


def test_plain_smoothing_is_torchs() -> None:
    logits, targets = torch.randn(8, 4), torch.randint(4, (8,))
    torch.testing.assert_close(
        LabelSmoothing(4, 0.1)(logits, targets),
        torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1, reduction="none"),
    )
    torch.testing.assert_close(
        LabelSmoothing(4, 0.1, reduction="mean")(logits, targets),
        torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits, targets),
    )


@pytest.mark.parametrize("rule", ["inverse", "printed"])
def test_rows_are_the_equation(rule: str) -> None:
    eps = per_class(0.05, COUNTS, rule=rule)
    wanted = np.array([[(1 - eps[i]) * (i == j) + eps[i] / 4 for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(class_conditional_matrix(COUNTS, 0.05, rule=rule).numpy(), wanted, atol=1e-7)


def test_default_smooths_the_rarest_most_and_the_printed_rule_the_most_frequent() -> None:
    counts = (500, 300, 120, 60)
    on_class = class_conditional_matrix(counts, 0.05).diagonal()
    assert (on_class.diff() < 0).all()
    assert class_conditional_matrix(counts, 0.05, rule="printed").diagonal().argmin() == 0
    capped = class_conditional_matrix(COUNTS, 0.05).diagonal()  # the two rarest are both at the cap
    assert capped[2] == capped[3] < capped[1] < capped[0]


@given(counts=counts_strategy, smoothing=st.floats(0, 0.999), rule=st.sampled_from(["inverse", "printed"]))
def test_rows_are_distributions_with_their_class_on_top(counts: list[int], smoothing: float, rule: str) -> None:
    matrix = class_conditional_matrix(counts, smoothing, rule=rule)
    torch.testing.assert_close(matrix.sum(1), torch.ones(len(counts)))
    assert (matrix >= 0).all()
    assert matrix.argmax(1).tolist() == list(range(len(counts)))


def test_equal_counts_or_kappa_0_are_plain_smoothing() -> None:
    torch.testing.assert_close(class_conditional_matrix((7, 7, 7), 0.1), smoothing_matrix(3, 0.1))
    torch.testing.assert_close(class_conditional_matrix(COUNTS, 0.1, kappa=0), smoothing_matrix(4, 0.1))


@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
def test_mixing_then_smoothing_is_mixing_smoothed_rows(seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randint(4, (6,), generator=generator) for _ in range(2))
    matrix = class_conditional_matrix(COUNTS, 0.1)
    one_hot = torch.nn.functional.one_hot
    mixed = share * one_hot(first, 4).double() + (1 - share) * one_hot(second, 4)
    torch.testing.assert_close(
        smooth(mixed, matrix), (share * smooth(first, matrix) + (1 - share) * smooth(second, matrix)).float()
    )


def test_soft_one_hot_targets_give_the_loss_of_hard_targets() -> None:
    loss = ClassConditionalSmoothing(COUNTS, 0.1)
    logits, targets = torch.randn(9, 4), torch.randint(4, (9,))
    torch.testing.assert_close(
        loss(logits, targets), loss(logits, torch.nn.functional.one_hot(targets, 4).to(torch.bfloat16))
    )
    torch.testing.assert_close(loss(logits, targets), cross_entropy(logits, class_conditional_matrix(COUNTS)[targets]))


def test_autocast_does_not_round_the_targets() -> None:
    matrix, targets = smoothing_matrix(4, 0.1), torch.eye(4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(smooth(targets, matrix), matrix, rtol=0, atol=0)


def test_the_matrix_is_a_buffer_that_follows_the_module_and_stays_out_of_checkpoints() -> None:
    loss = ClassConditionalSmoothing(torch.tensor(COUNTS), 0.1)
    assert [name for name, _ in loss.named_buffers()] == ["matrix"]
    assert loss.to(torch.float64).matrix.dtype == torch.float64
    assert loss.state_dict() == {}
    assert "classes=4" in repr(loss)


def test_the_matrix_moves_to_the_device_of_the_logits() -> None:
    loss = LabelSmoothing(3)
    losses = loss(torch.empty(5, 3, device="meta"), torch.empty(5, dtype=torch.int64, device="meta"))
    assert losses.shape == (5,)
    assert loss.matrix.device.type == "meta"


def test_refusals() -> None:
    with pytest.raises(TailtuneError, match="official code has no class-conditional smoothing"):
        ClassConditionalSmoothing(COUNTS, rule="official")
    with pytest.raises(TailtuneError, match=r"\[0, 1\)"):
        smoothing_matrix(3, 1.0)
    with pytest.raises(TailtuneError, match=r"\[0, 1\)"):
        class_conditional_matrix(COUNTS, -0.1)
    with pytest.raises(TailtuneError, match="two classes"):
        smoothing_matrix(1, 0.1)
    with pytest.raises(TailtuneError, match="reduction"):
        LabelSmoothing(3, reduction="total")  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match=r"\[5, 3\]"):
        smooth(torch.ones(5, 4), smoothing_matrix(3, 0.1))
    for rule in (smooth, lambda targets, matrix: weights_of_rows(matrix[0], targets)):
        with pytest.raises(TailtuneError, match="target -1 in row 1"):
            rule(torch.tensor([0, -1]), smoothing_matrix(3, 0.1))

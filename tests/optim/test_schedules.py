from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tailtune.errors import TailtuneError
from tailtune.optim.schedules import warmup_cosine


@given(total=st.integers(1, 5000), share=st.floats(0, 1))
def test_exact_at_its_ends_and_monotone_between(total: int, share: float) -> None:
    warmup = int(share * total)
    factors = [warmup_cosine(step, total, warmup) for step in range(total + 2)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert all(factor > 0 for factor in factors[:total])  # no step is wasted
    assert factors[total] == factors[total + 1] == 0
    if warmup < total:
        assert factors[warmup] == 1
    rising, falling = factors[: warmup + 1] if warmup < total else factors[:warmup], factors[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)


def test_values() -> None:
    assert [warmup_cosine(step, 10, 3) for step in range(3)] == [0.25, 0.5, 0.75]
    assert warmup_cosine(5, 10, 3) == pytest.approx(0.5 * (1 + math.cos(math.pi * 2 / 7)))
    assert warmup_cosine(0, 10) == 1


def test_drives_lambda_lr() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, 4, 1))
    seen = []
    for _ in range(4):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx([2 * warmup_cosine(step, 4, 1) for step in range(4)])


@pytest.mark.parametrize(("step", "total", "warmup"), [(-1, 10, 0), (0, 0, 0), (0, 10, 11), (0, 10, -1)])
def test_refusals(step: int, total: int, warmup: int) -> None:
    with pytest.raises(TailtuneError, match="warmup"):
        warmup_cosine(step, total, warmup)

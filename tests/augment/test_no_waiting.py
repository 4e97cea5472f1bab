"""On an accelerator no part reads a value back, which would make every step wait; shown with a pretended GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from tailtune.augment import autoaugment, jitter, operations, policies
from tailtune.augment.policies import PARTS, build

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)
KEPT = (operations.parameters, policies._kept_scale_and_shift, autoaugment._chances, jitter._ranges, jitter._operations)


@pytest.fixture
def pretended_gpu() -> Iterator[torch.device]:
    for kept in KEPT:
        kept.cache_clear()
    yield torch.device("cuda")
    for kept in KEPT:
        kept.cache_clear()


@pytest.mark.parametrize("policy", PARTS)
def test_no_part_reads_a_value_back(policy: str, pretended_gpu: torch.device) -> None:
    augment = build(policy, MEAN, STD)
    real, rows = torch.zeros(6, 3, 16, 16, dtype=torch.uint8), torch.zeros(6, dtype=torch.int64)
    augment(real, rows, 4, torch.Generator(), rows)  # the tables of a policy are made once, on the CPU
    with FakeTensorMode():
        pixels = torch.empty(6, 3, 16, 16, dtype=torch.uint8, device=pretended_gpu)
        targets = torch.empty(6, dtype=torch.int64, device=pretended_gpu)
        x, _ = augment(pixels, targets, 4, None, targets, 1)  # type: ignore[arg-type]  # a GPU has its own generator
    assert x.shape == pixels.shape
    assert x.device.type == "cuda"


def test_the_pretended_gpu_notices_a_value_read_back(pretended_gpu: torch.device) -> None:
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        torch.empty(3, device=pretended_gpu).max().item()

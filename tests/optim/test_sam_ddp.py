"""Two gloo processes on the CPU: ranks stay equal to the bit, and a synchronised ascent is that of the whole batch."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch
from two_processes import module_of, results_of

WORKER = Path(__file__).with_name("ddp_worker.py")


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    return module_of(WORKER)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    return results_of(WORKER, tmp_path_factory.mktemp("ddp"))


def test_ranks_stay_equal_to_the_bit(ranks: list[dict[str, torch.Tensor]]) -> None:
    assert len(ranks[0]) == 20
    for mode in ranks[0]:
        assert torch.equal(ranks[0][mode], ranks[1][mode]), mode
        assert ranks[0][mode].isfinite().all(), mode


@pytest.mark.parametrize("mode", ["sam", "mean_radius", "batch_gradient", "official", "imbsam"])
def test_a_synchronised_ascent_is_that_of_one_process_with_the_whole_batch(
    ranks: list[dict[str, torch.Tensor]], worker: ModuleType, mode: str
) -> None:
    model = worker.network(batchnorm=False)
    alone = worker.train(model, worker.MODES[mode](worker.base(model)))
    torch.testing.assert_close(ranks[0][f"{mode} batchnorm=False per_rank=False"], alone, atol=1e-10, rtol=0)
    assert not torch.allclose(ranks[0][f"{mode} batchnorm=False per_rank=True"], alone, atol=1e-6)

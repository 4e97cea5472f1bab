"""Two gloo processes with half of the batch each get the loss and the gradient of one process with all of it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch
from two_processes import module_of, results_of

from tailtune.errors import TailtuneError
from tailtune.losses.gather import gather_rows, gather_views

WORKER = Path(__file__).with_name("gather_worker.py")


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    return module_of(WORKER)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    return results_of(WORKER, tmp_path_factory.mktemp("gather"))


@pytest.mark.parametrize("name", ["vicreg original", "vicreg printed", "nt_xent"])
def test_two_processes_equal_one_with_the_whole_batch(
    ranks: list[dict[str, torch.Tensor]], worker: ModuleType, name: str
) -> None:
    alone = worker.loss_and_gradient(name, worker.network())
    for rank in ranks:
        torch.testing.assert_close(rank[name], alone, atol=1e-10, rtol=1e-10)
    halves = torch.stack([worker.loss_and_gradient(name, worker.network(), rank, 2) for rank in range(2)]).mean(0)
    assert not torch.allclose(halves, alone, atol=1e-6)  # so gathering is what made them equal


def test_one_process_keeps_its_rows_and_float64() -> None:
    rows = torch.randn(3, 2, dtype=torch.float64)
    assert gather_rows(rows) is rows
    assert gather_views(rows, rows)[0].dtype == torch.float64
    assert gather_views(rows.bfloat16(), rows.bfloat16())[0].dtype == torch.float32


def test_views_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(TailtuneError, match=r"shapes \(3, 2\) and \(4, 2\)"):
        gather_views(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(TailtuneError, match="batch size of 2"):
        gather_views(torch.zeros(1, 2), torch.zeros(1, 2))

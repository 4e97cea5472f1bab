"""The loops of examples/loops learn about as well as the plain one, each in the framework that it is about."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from two_processes import module_of, results_of

LOOPS = Path(__file__).parents[2] / "examples" / "loops"
WORKER = Path(__file__).with_name("loops_worker.py")
NEEDS = {
    "two_steps": "torch",
    "accelerate_accumulation": "accelerate",
    "lightning_manual": "lightning",
    "timm_script": "timm",
    "transformers_trainer": "transformers",
}


@pytest.fixture(scope="module")
def reached() -> Any:
    """Balanced accuracy of an example, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(LOOPS)

        def of(name: str) -> float:
            torch.manual_seed(0)
            model = importlib.import_module(name).train()
            return float(importlib.import_module("rows").balanced_accuracy(model))

        yield of
    for name in ("plain", "rows", *NEEDS):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def plain(reached: Any) -> float:
    return float(reached("plain"))


def test_the_plain_loop_learns_every_class(plain: float) -> None:
    assert plain > 0.75


@pytest.mark.parametrize("name", NEEDS)
def test_a_loop_learns_as_well_as_the_plain_one(name: str, plain: float, reached: Any) -> None:
    pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed: uv pip install --group loops")
    assert reached(name) > plain - 0.04


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return results_of(WORKER, tmp_path_factory.mktemp("loops"))


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    return module_of(WORKER)


@pytest.mark.parametrize("name", ["ddp.py", "fsdp.py"])
def test_two_processes_learn_as_well_as_the_plain_loop(name: str, ranks: list[dict[str, Any]], plain: float) -> None:
    for rank in ranks:  # which may differ under FSDP, where BatchNorm's running statistics are each rank's own
        assert rank[name] > plain - 0.04


@pytest.mark.parametrize("how", ["sharded", "parallel"])
@pytest.mark.parametrize("mode", ["sam", "asam", "mean_radius", "official"])
def test_parts_in_two_processes_are_the_step_of_one_process(
    how: str, mode: str, ranks: list[dict[str, Any]], worker: ModuleType
) -> None:
    ours = [rank[f"{how} {mode}"] for rank in ranks]
    assert torch.equal(*ours)
    alone = worker.train(worker.network(), worker.MODES[mode])
    torch.testing.assert_close(ours[0], alone, atol=1e-10, rtol=0)


@pytest.mark.parametrize("mode", ["imbsam", "batch_gradient"])
def test_several_backward_passes_with_sharded_parameters_are_refused(mode: str, ranks: list[dict[str, Any]]) -> None:
    assert ranks[0][mode].startswith("a step with sharded parameters (DTensor) needs an ascent of one backward pass")

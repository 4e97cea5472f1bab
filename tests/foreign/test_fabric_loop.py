"""Lightning Fabric drives the optimiser: its wrapper passes a closure to step, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tailtune import SAMA, TailtuneError

fabric_module = pytest.importorskip("lightning_fabric")


def parts(precision: str) -> tuple[object, nn.Module, object, object]:
    torch.manual_seed(0)
    fabric = fabric_module.Fabric(accelerator="cpu", devices=1, precision=precision)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = SAMA(
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        counts=(90, 9, 3),
        model=model,
        backward=fabric.backward,
        before_step=lambda: fabric.clip_gradients(model_f, optimizer_f, max_norm=1.0),
    )
    model_f, optimizer_f = fabric.setup(model, optimizer)
    x, targets = torch.randn(16, 6), torch.randint(3, (16,))

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        return nn.functional.cross_entropy(model_f(x).float(), targets, reduction="none"), targets

    return optimizer_f, model, closure, optimizer


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_fabric_steps_and_round_trips(precision: str) -> None:
    wrapped, model, closure, optimizer = parts(precision)
    losses = [wrapped.step(closure).item() for _ in range(15)]  # type: ignore[attr-defined]
    assert losses[-1] < losses[0]
    assert model[1].num_batches_tracked == 15  # type: ignore[index]
    wrapped.param_groups[0]["rho"] = 0.2  # type: ignore[attr-defined]
    state = wrapped.state_dict()  # type: ignore[attr-defined]
    assert state["param_groups"][0]["rho"] == 0.2
    wrapped.load_state_dict(state)  # type: ignore[attr-defined]
    assert wrapped.param_groups is optimizer.base.param_groups  # type: ignore[attr-defined]


def test_fp16_is_refused_also_from_fabric() -> None:
    wrapped, _, closure, _ = parts("16-true")
    with pytest.raises(TailtuneError, match="bf16"):
        wrapped.step(closure)  # type: ignore[attr-defined]

"""The training loop: it learns, repeats itself, goes on after an interrupt to the same bits, and stops at a NaN."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_data import table
from training_runs import RUN, InterruptingLoss, fit

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.methods import erm, sama, tuned
from tailtune.methods.method import Method, Stage
from tailtune.training.assignment import Ground, Trainee
from tailtune.training.device import make_fabric
from tailtune.training.loop import train
from tailtune.training.observer import Silent
from tailtune.training.recipe import resolve
from tailtune.training.selection import select

ONE_EPOCH = replace(RUN, epochs=1, selection="last")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("method", [erm, tuned])
def test_learns_and_repeats_itself(method: Any, tmp_path: Path) -> None:
    data = table()
    trained, weights, model = fit(data, method(data.profile), replace(RUN, epochs=8), folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert rows[-1]["train_loss"] < 0.8 * rows[0]["train_loss"]
    assert max(row["val_balanced_accuracy"] for row in rows) > 0.8
    right = model(*data.test.inputs).argmax(1) == data.test.targets
    assert right.float().mean() > 0.8
    assert trained.steps == 8 * (300 // 32)
    again = fit(data, method(data.profile), replace(RUN, epochs=8))[1]
    assert same(weights, again)
    other = fit(data, method(data.profile), replace(RUN, epochs=8, seed=1))[1]
    assert not same(weights, other)


def test_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    data = table()
    fit(data, erm(data.profile))
    assert torch.equal(before, torch.get_rng_state())


class StopAt(Silent):
    """Sends SIGINT to this process once a number of steps is done."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, done: int, loss: float) -> None:
        if done == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("method", [erm, tuned])
@pytest.mark.parametrize("at", [9, 18, 36])  # the loop reports at the end of each epoch of 9 steps
def test_interrupted_and_resumed_is_uninterrupted(method: Any, at: int, tmp_path: Path) -> None:
    data = table(weights=True)
    _, weights, _ = fit(data, method(data.profile), folder=tmp_path_made(tmp_path / "whole"))
    broken = tmp_path_made(tmp_path / "broken")
    if at < 36:
        with pytest.raises(Interrupted):
            fit(data, method(data.profile), folder=broken, observer=StopAt(at))
    else:  # at the very end there is nothing left to interrupt
        fit(data, method(data.profile), folder=broken, observer=StopAt(at))
    trained, resumed, _ = fit(data, method(data.profile), folder=broken, resume=True)
    assert trained.epochs == 4
    assert same(weights, resumed)

    def rows(folder: Path) -> list[dict[str, Any]]:
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]

    assert rows(broken) == rows(tmp_path / "whole")


def tmp_path_made(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("stop", [3, 13, 31])
def test_resumes_from_the_middle_of_an_epoch(stop: int, tmp_path: Path) -> None:
    """A loss that sends SIGINT on its n-th call stops within an epoch; what is lost or doubled would show."""
    data = table()
    method = Method("own", (Stage(loss=InterruptingLoss(stop)),))
    with pytest.raises(Interrupted, match=f"step {stop} of 36"):
        fit(data, method, folder=tmp_path)
    resumed = fit(data, method, folder=tmp_path, resume=True)[1]
    assert same(resumed, fit(data, method)[1])


def test_a_nan_stops_with_step_rate_and_checkpoint(tmp_path: Path) -> None:
    data = table()
    calls = 0

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        return losses * float("nan") if calls == 14 else losses

    with pytest.raises(TailtuneError, match=r"loss became nan at step 14 of 36.*learning rate was 0\.0\d+.*none was"):
        fit(data, Method("own", (Stage(loss=loss),)), folder=tmp_path)


def test_class_weights_and_row_weights_multiply_the_losses() -> None:
    """One step with weights equals one step on the NumPy gradient of the weighted mean loss."""
    data = table(rows=32, weights=True)
    weights = np.array([0.5, 1.0, 4.0])
    method = Method("own", (Stage(class_weights=lambda progress: weights),))
    run = replace(RUN, epochs=1, batch_size=32, lr=1.0, warmup=0.0, momentum=0.0, weight_decay=0.0, ema=0.0)
    run = replace(run, selection="last", model="linear")
    module = torch.nn.Linear(4, 3)
    start = {name: value.detach().double().numpy().copy() for name, value in module.named_parameters()}

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = module

        def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
            return self.linear(numeric)

    fabric = make_fabric(run, "32")
    trainee = Trainee(Net(), method.stages[0], select(run, data)[0])
    train(trainee, Ground(data, resolve(run, method, data), fabric))
    x, y = data.train.inputs[0].double().numpy(), data.train.targets.numpy()
    logits = x @ start["weight"].T + start["bias"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows = (weights[y] * data.train.weights.double().numpy())[:, None] * (p - np.eye(3)[y])
    np.testing.assert_allclose(module.weight.detach().numpy(), start["weight"] - rows.T @ x / 32, atol=1e-5)
    np.testing.assert_allclose(module.bias.detach().numpy(), start["bias"] - rows.mean(0), atol=1e-5)


def test_early_stopping_and_best_epoch(tmp_path: Path) -> None:
    data = table()
    run = replace(RUN, epochs=60, patience=3, monitor="accuracy", lr=0.2)
    trained = fit(data, erm(data.profile), run, folder=tmp_path)[0]
    assert trained.epochs < 60
    assert trained.stopped == "no better validation score for 3 epochs"
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    best = max(rows, key=lambda row: row["val_accuracy"])
    assert trained.best_epoch == best["epoch"]


READING_BACK = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique")


class CountReadBacks(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts the operations for which a GPU would have to be waited for."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function.name().startswith(READING_BACK)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", [erm, sama, tuned])
def test_a_steady_step_reads_nothing_back(method: Any) -> None:
    data = table(rows=320)
    counts = []
    for rows in (160, 320):  # 5 and 10 steps, both fewer than those after which the losses are looked at
        part = data.train.take(np.arange(rows))
        with CountReadBacks() as mode:
            trained, _, _ = fit(replace(data, train=part, val=None), method(data.profile), ONE_EPOCH)
        assert trained.steps == rows // 32
        counts.append(mode.count)
    assert counts[0] == counts[1]
    assert counts[0] > 0  # the losses of the epoch are read back in the end

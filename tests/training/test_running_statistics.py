"""Averages of weights are scored, chosen and kept with BatchNorm statistics of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from training_data import table
from training_runs import RUN, InterruptingLoss, fit

from tailtune.data.open import open_dataset
from tailtune.interrupt import Interrupted
from tailtune.methods import erm
from tailtune.methods.method import Auxiliary, Method, Stage
from tailtune.settings import Run
from tailtune.training.augmentation import augmentation
from tailtune.training.batches import Batches
from tailtune.training.inputs import Inputs
from tailtune.training.recipe import resolve
from tailtune.training.running_statistics import MOST, RunningStatistics
from tailtune.training.validate import validate

CPU = torch.device("cpu")
NORMED = replace(RUN, model="resnet")  # a residual MLP with BatchNorm
DIGITS = Run(
    data="digits", ratio=0.05, model="resnet8", epochs=1, batch_size=16, lr=0.2, warmup=0.0, ema=0.98, policy="none"
)


def first_layer(dataset: Any, model: nn.Module) -> tuple[Any, Any]:
    """Mean and variance of what the first BatchNorm layer reads over all training rows."""
    projection = model.trunk[0].input_projection  # type: ignore[index, union-attr]
    numeric, codes = dataset.train.inputs
    with torch.no_grad():
        x = torch.cat([numeric, model.categorical(codes)], 1).double().numpy()  # type: ignore[operator]
    z = x @ projection.weight.detach().double().numpy().T + projection.bias.detach().double().numpy()  # type: ignore[operator, union-attr]
    return z.mean(0), z.var(0, ddof=1)


@pytest.mark.parametrize("selection", ["last", "validation"])
def test_kept_weights_hold_statistics_of_their_own(selection: Any) -> None:
    """All 128 rows are read, in one batch, so the statistics are those of the whole training part."""
    dataset = table()
    dataset = replace(dataset, train=dataset.train.take(np.arange(128)))
    trained, _, model = fit(dataset, erm(dataset.profile), replace(NORMED, selection=selection, lr=0.3))
    mean, variance = first_layer(dataset, model)
    layer = model.trunk[0].blocks[0].normalization  # type: ignore[index, union-attr]
    np.testing.assert_allclose(layer.running_mean, mean, atol=1e-5)
    np.testing.assert_allclose(layer.running_var, variance, rtol=1e-4)
    assert (trained.best_epoch is not None) == (selection == "validation")


def test_scores_are_of_these_statistics_where_those_of_training_fail(tmp_path: Path) -> None:
    """Early at a high learning rate: the log loss was 5.5 with the live network's statistics, which move too slowly."""
    dataset = open_dataset(DIGITS)
    augment = augmentation(dataset.preprocessor, resolve(DIGITS, Method("plain"), dataset))
    _, _, model = fit(dataset, Method("plain"), replace(DIGITS, selection="last"), folder=tmp_path, augment=augment)
    (row,) = (json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert row["val_loss"] < 0.8
    held_out = Inputs.of(dataset.val, 10, augment, CPU)
    assert validate(model, held_out, dataset.profile, nullcontext).log_loss == row["val_loss"]


def test_an_interrupt_changes_nothing(tmp_path: Path) -> None:
    dataset = table()
    interrupted = Method("stopped", (Stage(loss=InterruptingLoss(14)),))
    with pytest.raises(Interrupted):
        fit(dataset, interrupted, NORMED, folder=tmp_path)
    resumed = fit(dataset, Method("erm", (Stage(),)), NORMED, folder=tmp_path, resume=True)[1]
    whole = fit(dataset, Method("erm", (Stage(),)), NORMED)[1]
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_training_does_not_notice_validation() -> None:
    """Neither its weights nor its buffers nor its random numbers depend on what is computed for the average."""
    dataset = table()
    method = Method("erm", (Stage(collect=lambda step, total: step == total),))
    watched, blind = (
        fit(data, method, replace(NORMED, selection="last"))[0].collected[0]
        for data in (dataset, replace(dataset, val=None))
    )
    assert all(torch.equal(watched[name], blind[name]) for name in watched)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))


class Reads(nn.Module):
    """A network of (numeric, categorical) inputs that keeps the numbers that it was given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.seen = net, []  # type: ignore[var-annotated]

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        self.seen.append(numeric)
        logits: torch.Tensor = self.net(numeric)
        return logits


def renewed(stage: Stage, model: Reads, rows: int = 2000) -> Reads:
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(rows) % 3
    inputs = Inputs((x, torch.zeros(rows, 0, dtype=torch.long)), targets, None, None, 3)
    batches = Batches(inputs, stage, None, model, None, flip=True)
    RunningStatistics(batches, rows, seed=0, stage=0, autocast=nullcontext).renew(0.5)
    return model


def test_rows_are_few_and_the_same_at_every_call() -> None:
    first, second = (torch.cat(renewed(Stage(), Reads(small_network()), 6000).seen) for _ in range(2))
    assert len(first) == 6000 // 16
    assert torch.equal(first, second)
    many = renewed(Stage(), Reads(small_network()), 20_000).seen
    assert sum(map(len, many)) == MOST
    assert {len(x) for x in many} == {128}


def test_a_sampler_decides_which_rows() -> None:
    class First:
        def __call__(self, targets: Any, rows: int, progress: float, generator: Any) -> torch.Tensor:
            return torch.full((rows,), 7)

        def probabilities(self, counts: Any, progress: float) -> Any:
            raise AssertionError

    seen = torch.cat(renewed(Stage(sampler=First()), Reads(small_network())).seen)
    assert (seen == seen[0]).all()


@pytest.mark.parametrize(
    ("stage", "changed"),
    [
        (Stage(), (True, True)),
        (Stage(batchnorm="freeze"), (False, False)),
        (Stage(trainable=("net.2", "net.3")), (False, True)),
    ],
)
def test_frozen_layers_keep_what_they_hold(stage: Stage, changed: tuple[bool, bool]) -> None:
    model = Reads(small_network()).eval()
    renewed(stage, model)
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert tuple(bool((layer.running_mean != 0).any()) for layer in layers) == changed  # type: ignore[union-attr]
    assert not any(module.training for module in model.modules())


def test_a_network_without_batchnorm_draws_nothing() -> None:
    class Fails:
        def __call__(self, *arguments: Any) -> torch.Tensor:
            raise AssertionError

        def probabilities(self, counts: Any, progress: float) -> Any:
            raise AssertionError

    renewed(Stage(sampler=Fails()), Reads(nn.Linear(4, 3)))


@pytest.mark.parametrize(
    ("supervised", "sees", "views"), [(0.0, "own", True), (1.0, "first", True), (1.0, "own", False)]
)
def test_a_stage_that_sees_views_takes_views(supervised: float, sees: Any, views: bool) -> None:
    stage = Stage(auxiliary=Auxiliary(lambda dim, batch: nn.Identity(), supervised, sees))
    seen = torch.cat(renewed(stage, Reads(small_network())).seen)
    plain = torch.cat(renewed(Stage(), Reads(small_network())).seen)
    assert torch.equal(seen, plain) != views


def test_no_row_outside_training_is_read() -> None:
    """Validation rows that are nothing but NaN spoil the scores, and not the statistics."""
    dataset = table()
    nan = replace(dataset.val, inputs=(dataset.val.inputs[0] * float("nan"), dataset.val.inputs[1]))
    model = fit(replace(dataset, val=nan), erm(dataset.profile), replace(NORMED, selection="last", epochs=1))[2]
    assert all(buffer.isfinite().all() for buffer in buffers(model))


def buffers(model: nn.Module) -> Iterator[torch.Tensor]:
    return (buffer for buffer in model.buffers() if buffer.is_floating_point())

"""--minutes: how many epochs fit into a time budget, from steps timed on a copy of the network."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Dataset
from tailtune.methods.method import Method
from tailtune.run import Run
from tailtune.training.inputs import Inputs
from tailtune.training.predict import logits_of
from tailtune.training.selection import Selection

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TIMED_STEPS = 20
SHARE = 0.9  # of the budget for epochs; the rest is for validation of the last one, the test and the report


def fit_to_budget(
    run: Run,
    dataset: Dataset,
    method: Method,
    model: torch.nn.Module,
    fabric: Fabric,
    selection: Selection,
    augment: Augment | None,
) -> Run:
    """Return `run` with the epochs that fit into ``run.minutes`` (at least one), judged by a short timed training.

    Neither `model` nor `selection` is changed.
    """
    from tailtune.training.loop import train

    assert run.minutes is not None
    assert run.batch_size is not None
    part = dataset.train
    rows = min(len(part), run.batch_size * TIMED_STEPS * fabric.world_size)
    few = replace(dataset, train=part.take(torch.arange(rows).numpy()))
    once = replace(run, epochs=1)
    quiet = Selection(None, "accuracy", 0, False)
    for _ in range(2):  # the first round pays for warming up
        timed = train(few, method, once, copy.deepcopy(model), fabric, quiet, augment)
    steps = max(1, len(part) // (min(run.batch_size, len(part)) * fabric.world_size))
    epoch = timed.seconds_per_step * steps
    if selection.monitored is not None:
        held_out = Inputs.of(selection.monitored, len(dataset.names), augment, fabric.device)
        began = time.perf_counter()
        logits_of(copy.deepcopy(model), held_out.tensors, augment, fabric.device, fabric.autocast)
        epoch += time.perf_counter() - began
    epochs = max(1, int(60 * SHARE * run.minutes / epoch))
    return replace(run, epochs=int(fabric.broadcast(epochs)))

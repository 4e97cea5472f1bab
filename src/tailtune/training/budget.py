"""--minutes: how many epochs fit into a time budget, from steps timed on a copy of the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Dataset
from tailtune.methods.method import Context, Method
from tailtune.models.network import Network
from tailtune.settings import ResolvedTraining
from tailtune.training.inputs import Inputs
from tailtune.training.loop import train
from tailtune.training.modes import freezing
from tailtune.training.probabilities import logits_of
from tailtune.training.selection import Selection

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TIMED_STEPS = 20
PARTS = 5  # a stage is timed at this many points of its progress, because a method may do more late than early
SHARE = 0.9  # of the budget for epochs; the rest is for validation of the last one, the test and the report


def fit_to_budget(
    run: ResolvedTraining,
    dataset: Dataset,
    method: Method,
    build: Callable[[int], Network],
    fabric: Fabric,
    augment: Augment | None,
) -> ResolvedTraining:
    """Return `run` with the epochs that fit into ``run.minutes`` (at least one), judged by a short timed training."""
    assert run.minutes is not None
    epochs = int(60 * SHARE * run.minutes / epoch_seconds(run, dataset, method, build, fabric, augment))
    return replace(run, epochs=int(fabric.broadcast(max(1, epochs))))


def epoch_seconds(
    run: ResolvedTraining,
    dataset: Dataset,
    method: Method,
    build: Callable[[int], Network],
    fabric: Fabric,
    augment: Augment | None,
) -> float:
    """Seconds that one of the run's epochs costs over all stages of `method`, with validation.

    Closed-form ends of a stage, such as the means of the classes, are not timed.
    """
    part, k, world = dataset.train, len(dataset.names), fabric.world_size
    rows = min(len(part), max(run.batch_size * TIMED_STEPS // PARTS, 2 * len(dataset.names)) * world)
    chosen = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))[:rows].numpy()
    few = replace(dataset, train=part.take(chosen))
    short = replace(run, epochs=PARTS)
    steps = max(1, len(part) // (min(run.batch_size, len(part)) * world))
    total = 0.0
    for stage in method.stages:
        for _ in range(2):  # the first round pays for warming up
            model = build(0)
            if stage.prepare is not None:
                inputs = Inputs.of(few.train, k, augment, fabric.device)
                stage.prepare(Context(model.to(fabric.device), dataset.profile, inputs, None, (), run.seed))
            quiet = Selection(None, "accuracy", 0, choose=False)
            reference = None if stage.reference is None else build(0).to(fabric.device).eval().requires_grad_(False)
            with freezing(model, stage):
                timed = train(few, stage, short, model, fabric, quiet, augment, reference=reference)
        total += stage.share * timed.seconds_per_step * steps
    if dataset.val is not None:
        held_out = Inputs.of(dataset.val, k, augment, fabric.device)
        began = time.perf_counter()
        logits_of(build(0).to(fabric.device), held_out.sources, augment, fabric.device, fabric.autocast)
        total += (time.perf_counter() - began) * sum(stage.share for stage in method.stages)
    return total

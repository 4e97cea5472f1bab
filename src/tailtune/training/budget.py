"""--minutes: how many epochs fit into a time budget, from steps timed on a copy of the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from tailtune.methods.method import Context, Method
from tailtune.models.network import Network
from tailtune.settings import ResolvedTraining
from tailtune.training.assignment import Ground, Trainee
from tailtune.training.inputs import Inputs
from tailtune.training.loop import train
from tailtune.training.modes import freezing
from tailtune.training.probabilities import logits_of
from tailtune.training.selection import Selection

TIMED_STEPS = 20
PARTS = 5  # a stage is timed at this many points of its progress, because a method may do more late than early
SHARE = 0.9  # of the budget for epochs; the rest is for validation of the last one, the test and the report


def fit_to_budget(method: Method, build: Callable[[int], Network], ground: Ground) -> ResolvedTraining:
    """Return the run with the epochs that fit into its minutes (at least one), judged by a short timed training.

    Args:
        method: what is to be trained with.
        build: makes the freshly initialised network of the stage with this index.
        ground: on what.
    """
    run = ground.run
    assert run.minutes is not None
    epochs = int(60 * SHARE * run.minutes / epoch_seconds(method, build, ground))
    return replace(run, epochs=int(ground.fabric.broadcast(max(1, epochs))))


def epoch_seconds(method: Method, build: Callable[[int], Network], ground: Ground) -> float:
    """Seconds that one epoch costs over all stages of `method`, with validation.

    Closed-form ends of a stage, such as the means of the classes, are not timed.
    """
    dataset, run, fabric, augment = ground.dataset, ground.run, ground.fabric, ground.augment
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
                model.to(fabric.device)
                stage.prepare(
                    Context(model, dataset.profile, inputs, None, (), run.seed, renew_statistics=lambda: None)
                )
            quiet = Selection(None, "accuracy", 0, choose=False)
            reference = None if stage.reference is None else build(0).to(fabric.device).eval().requires_grad_(False)
            trainee = Trainee(model, stage, quiet, reference=reference)
            with freezing(model, stage):
                timed = train(trainee, replace(ground, dataset=few, run=short))
        total += stage.share * timed.seconds_per_step * steps
    if dataset.val is not None:
        held_out = Inputs.of(dataset.val, k, augment, fabric.device)
        began = time.perf_counter()
        logits_of(build(0).to(fabric.device), held_out.sources, augment, fabric.device, fabric.autocast)
        total += (time.perf_counter() - began) * sum(stage.share for stage in method.stages)
    return total

"""--minutes: the training that fits into what is left of a time budget, from steps timed on a copy of the network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.methods.method import Context, Method, Stage
from tailtune.models.network import Network
from tailtune.settings import ResolvedTraining, Run
from tailtune.training.assignment import Ground, Trainee
from tailtune.training.inputs import Inputs
from tailtune.training.loop import train
from tailtune.training.modes import freezing
from tailtune.training.probabilities import batch_of, logits_of
from tailtune.training.randomness import isolated
from tailtune.training.selection import Selection
from tailtune.training.stages import epochs_of_stages

PROBE, PROBE_SHARE = 5.0, 0.05  # seconds that timing takes, but for a first step; and of a budget no more than this
PARTS = 5  # a stage is timed at this many points of its progress, because a method may do more late than early
TIMED_STEPS = 4  # at each of them
FEW_EPOCHS = 3  # where fewer fit, batches may grow
OVERHEAD = 0.02  # seconds; longer steps are no overhead that larger batches could share out
GROWTH, LARGEST = 4, 2048  # of batches
WHOLE = 100  # rows that each class keeps, if it has them, where an epoch is trained on a part of the rows


@dataclass(frozen=True)
class Pace:
    """How long training takes.

    Attributes:
        step: seconds of a step, in the slowest stage.
        epochs: seconds of an epoch of each stage, with validation.
    """

    step: float
    epochs: tuple[float, ...]

    def seconds(self, method: Method, run: ResolvedTraining) -> float:
        """Return the seconds that all epochs of `run` take."""
        return sum(map(math.prod, zip(epochs_of_stages(method, run), self.epochs, strict=True)))


@dataclass(frozen=True)
class Plan:
    """A training that was fitted to a budget.

    Attributes:
        run: with its epochs, batch size and learning rate.
        share: of the training and validation rows that are used; 1 for all of them.
        pace: how long an epoch takes over all rows.
        seconds: how long the training takes.
    """

    run: ResolvedTraining
    share: float
    pace: Pace
    seconds: float


def fit_to_budget(method: Method, build: Callable[[int], Network], ground: Ground, asked: Run, seconds: float) -> Plan:
    """Return the training that fits into `seconds`, judged by a short timed one.

    As many epochs as fit, or a single one over a part of the rows. Where few epochs fit because small steps cost more
    in overhead than in work, and neither was asked for, batches grow and the learning rate by the root of it.

    Args:
        method: what is to be trained with.
        build: makes the freshly initialised network of the stage with this index.
        ground: on what.
        asked: the run as it was asked for, whose batch size and learning rate stay.
        seconds: what is left for training; where it is too little, the plan is the shortest training that there is.
    """
    run, began = ground.run, time.monotonic()
    seconds = float(ground.fabric.broadcast(seconds))  # so that all processes time the same steps
    limit = min(PROBE, PROBE_SHARE * max(0.0, seconds))
    found = pace(method, build, ground, limit)
    most = min(LARGEST, len(ground.dataset.train) // (GROWTH * ground.fabric.world_size))
    while (
        asked.batch_size is None
        and found.step < OVERHEAD
        and found.seconds(method, replace(run, epochs=FEW_EPOCHS)) > seconds
        and GROWTH * run.batch_size <= most
    ):
        rate = run.lr if asked.lr is not None else run.lr * math.sqrt(GROWTH)
        larger = replace(run, batch_size=GROWTH * run.batch_size, lr=rate)
        faster = pace(method, build, replace(ground, run=larger), limit)
        if 2 * faster.epochs[-1] > found.epochs[-1]:
            break
        run, found = larger, faster
    left = ground.fabric.broadcast(seconds - (time.monotonic() - began))
    each = sum(stage.share * epoch for stage, epoch in zip(method.stages, found.epochs, strict=True))
    epochs = max(1, int(left / each))  # but for the rounding of each stage's epochs
    while epochs > 1 and found.seconds(method, replace(run, epochs=epochs)) > left:
        epochs -= 1
    while found.seconds(method, replace(run, epochs=epochs + 1)) <= left:
        epochs += 1
    run = replace(run, epochs=epochs)
    whole = found.seconds(method, run)
    fewest = min(1.0, run.batch_size * ground.fabric.world_size / len(ground.dataset.train))
    share = min(1.0, max(fewest, left / whole))
    return Plan(run, share, found, share * whole)


def pace(method: Method, build: Callable[[int], Network], ground: Ground, limit: float) -> Pace:
    """Return how long an epoch of each stage takes, from a first step and what else fits into `limit` seconds.

    Compilation, what prepares a stage, and closed-form ends of one, such as the means of the classes, are not timed.
    """
    dataset, run, fabric, augment = ground.dataset, ground.run, ground.fabric, ground.augment
    part, world, k = dataset.train, fabric.world_size, len(dataset.names)
    batch = max(1, min(run.batch_size, len(part) // world))
    steps = len(part) // (batch * world)
    order = _every_class_first(part.targets)
    each = limit / len(method.stages)

    def timed(stage: Stage, epochs: int, steps: int) -> float:
        """Seconds of a step, the same in all processes."""
        few = replace(dataset, train=part.take(order[: batch * world * steps]))
        model = build(0)
        if stage.prepare is not None:
            inputs = Inputs.of(few.train, k, augment, fabric.device)
            model.to(fabric.device)
            stage.prepare(Context(model, dataset.profile, inputs, None, (), run.seed, renew_statistics=lambda: None))
        reference = None if stage.reference is None else build(0).to(fabric.device).eval().requires_grad_(False)
        trainee = Trainee(model, stage, Selection(None, "accuracy", 0, choose=False), reference=reference)
        short = replace(run, epochs=epochs, compile=False)
        with freezing(model, stage):
            taken = train(trainee, replace(ground, dataset=few, run=short)).seconds_per_step
        return float(fabric.broadcast(taken))

    found = []
    with isolated(fabric.device):
        for stage in method.stages:
            alone = replace(stage, enlarge=None)  # which makes no step longer
            step = timed(alone, 1, 1)  # pays for warming up too, so that it is left out where there is time for more
            rounds = min(PARTS, int(each / step))
            if rounds > 1:
                step = timed(alone, rounds, min(TIMED_STEPS, int(each / step / rounds)))
            found.append(step)
        validation = 0.0 if dataset.val is None else _validation_seconds(dataset.val, build, ground)
    return Pace(max(found), tuple(steps * step + validation for step in found))


def _validation_seconds(val: Part, build: Callable[[int], Network], ground: Ground) -> float:
    """Seconds that scoring `val` takes, judged by a batch of it."""
    augment, fabric = ground.augment, ground.fabric
    few = val.take(np.arange(min(len(val), batch_of(val.inputs))))
    inputs = Inputs.of(few, len(ground.dataset.names), augment, fabric.device)
    model = build(0).to(fabric.device)
    began = time.perf_counter()
    logits_of(model, inputs.sources, augment, fabric.device, fabric.autocast).cpu()
    return float(fabric.broadcast((time.perf_counter() - began) * len(val) / len(few)))


def _every_class_first(targets: torch.Tensor) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """All positions in random order, but for one row of each class, which come first."""
    order = np.random.default_rng(0).permutation(len(targets))
    first = np.unique(targets.numpy()[order], return_index=True)[1]
    return np.concatenate([order[first], np.delete(order, first)])


def thinned(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return `dataset` with `share` of the rows of its training and validation part, by class and drawn by `seed`.

    Each class keeps 100 rows of a part, or all that it has, as long as that adds little to the part.
    """
    if share >= 1:
        return dataset
    val = None if dataset.val is None else _thinned(dataset.val, share, seed)
    return replace(dataset, train=_thinned(dataset.train, share, seed), val=val)


def _thinned(part: Part, share: float, seed: int) -> Part:
    targets, rng = part.targets.numpy(), np.random.default_rng(seed)
    counts = np.bincount(targets)
    shares = np.ceil(share * counts).astype(np.int64)
    floor = WHOLE
    while floor > 1 and np.maximum(shares, np.minimum(counts, floor)).sum() > 1.2 * shares.sum():
        floor //= 2
    kept = np.maximum(shares, np.minimum(counts, floor))
    rows = [rng.permutation(np.flatnonzero(targets == k))[:count] for k, count in enumerate(kept)]
    return part.take(np.sort(np.concatenate(rows)))

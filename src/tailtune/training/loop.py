"""The training loop: one readable path on Lightning Fabric for every method, device and data kind.

The papers prescribe small batches, so the cost of a step is mostly its overhead: data stay on the device, losses are
read back only every `CHECK_EVERY` steps, and schedule, weight average and accounting are a few fused calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from tailtune.data.dataset import Part
from tailtune.interrupt import Flag, Interrupted, deferred_interrupts
from tailtune.methods.method import Hooks, Stage
from tailtune.optim.ema import WeightEMA
from tailtune.optim.schedules import warmup_cosine
from tailtune.profile import Floats
from tailtune.settings import ResolvedTraining
from tailtune.training.assignment import ALONE, UNSEEN, Ground, Place, Trail, Trainee
from tailtune.training.batches import Batch, Batches, order
from tailtune.training.compiled import Compiled
from tailtune.training.criterion import Criterion
from tailtune.training.decay import undecayed
from tailtune.training.inputs import Inputs
from tailtune.training.log import METRICS, MetricsLog
from tailtune.training.modes import WithAuxiliary, training_mode
from tailtune.training.optimiser import base_optimiser, clipping
from tailtune.training.randomness import Randomness, initialisation
from tailtune.training.running_statistics import RunningStatistics
from tailtune.training.session import Session
from tailtune.training.tracking import Tracker
from tailtune.training.validate import Scores, validate
from tailtune.words import OUT_OF_TIME

CHECK_EVERY = 50  # steps
TELL_EVERY = 10.0  # seconds, at most, between two calls of the observer
COLLAPSED = 0.1  # mean standard deviation of an embedding's dimensions, where 1 is healthy


@dataclass(frozen=True)
class Trained:
    """What training leaves behind.

    Attributes:
        epochs: finished epochs.
        steps: finished optimiser steps.
        best_epoch: the epoch whose weights were kept; None if the last ones were kept without looking.
        stopped: "finished", or why training ended early.
        seconds: training time up to here, validation and what came before an interrupt included.
        seconds_per_step: the same without validation, a step.
        collected: copies of the weights that the stage asked for.
        log_bytes: length of metrics.jsonl.
        warnings: what a user should hear, a sentence each.
    """

    epochs: int
    steps: int
    best_epoch: int | None
    stopped: str
    seconds: float
    seconds_per_step: float
    collected: Sequence[dict[str, torch.Tensor]] = ()
    log_bytes: int = 0
    warnings: tuple[str, ...] = ()


@runtime_checkable
class FollowsPriors(Protocol):
    """An optimiser that depends on the class distribution of the batches."""

    def set_priors(self, priors: Floats) -> None:
        """Take the class distribution [K] of the batches to come."""
        ...


def train(trainee: Trainee, ground: Ground, place: Place = ALONE, trail: Trail = UNSEEN) -> Trained:
    """Train `trainee.model` in place; in the end it holds the selected weights, in evaluation mode.

    Call within `randomness.isolated`, because dropout can only draw from torch's global generator.

    Args:
        trainee: what is trained.
        ground: on what; the epochs of its run are those of the stage, and the test part of its data is not looked at
            (unless the selection monitors it).
        place: where in the run the stage stands.
        trail: what is kept, and whether to go on from the stage's checkpoint.

    Raises:
        TailtuneError: a loss that is NaN or infinite, an unreadable checkpoint, or no space left.
        Interrupted: SIGINT, SIGTERM or SIGUSR1 came; the checkpoint holds everything that has been reached.
    """
    model, stage, selection = trainee.model, trainee.stage, trainee.selection
    dataset, run, fabric, augment = ground.dataset, ground.run, ground.fabric, ground.augment
    folder, observer = trail.folder, trail.observer
    world, rank, device, k = fabric.world_size, fabric.global_rank, fabric.device, len(dataset.names)
    part, rows = dataset.train, len(dataset.train)
    if stage.enlarge is not None:
        part = stage.enlarge(part, dataset.preprocessor.shape(), run.seed)
    monitored = selection.monitored
    held_out = None if monitored is None else Inputs.of(monitored, k, augment, device)
    tracker = None
    if run.track is not None and rank == 0:
        watched: dict[str, Part] = {} if monitored is None else {selection.part: monitored}
        tracker = Tracker.of(dataset, watched, augment, device)
    batch = max(1, min(run.batch_size, rows // world))
    per_epoch = rows // (batch * world)

    auxiliary = None
    network: torch.nn.Module = model
    if stage.auxiliary is not None:
        with initialisation(run.seed, 1000 + place.stage):
            auxiliary = stage.auxiliary.build(model.feature_dim, batch)
        network = WithAuxiliary(model, auxiliary, stage.auxiliary.supervised > 0)
    module = fabric.setup_module(network)
    # Fabric's wrapper and DDP cost time in every call, so one process calls the network itself under autocast.
    compiled = Compiled(network, device) if run.compile and world == 1 else None
    call: Callable[..., Any] = compiled or (module if world > 1 else network)
    autocast = nullcontext if world > 1 else fabric.autocast
    clip = clipping(network, run.clip)
    named = [*model.named_parameters(), *(auxiliary.named_parameters("auxiliary") if auxiliary else ())]
    spared = undecayed(model) | (undecayed(auxiliary, "auxiliary.") if auxiliary else set())
    optimiser = base_optimiser(named, run, spared, make=stage.base, factors=stage.lr_factors, rows=rows)
    if stage.optimiser:
        optimiser = stage.optimiser(optimiser, network, Hooks(fabric.backward, clip))
    ema = WeightEMA(model, run.ema, warmup=True) if run.ema else None
    criterion = Criterion.of(stage, device)
    randomness = Randomness(run.seed, rank, device, place.stage)
    inputs = Inputs.of(part, k, augment, device)
    batches = Batches(inputs, stage, augment, model, trainee.reference, flip=run.flip is not False)
    statistics = RunningStatistics(batches, rows, run.seed, place.stage, fabric.autocast)
    log = MetricsLog(folder / METRICS if folder and rank == 0 else None)
    losses = torch.zeros(per_epoch, device=device)
    warmup, path = int(run.warmup * run.epochs * per_epoch), folder / place.checkpoint if folder else None
    schedule = stage.schedule or warmup_cosine
    session = Session(
        model, auxiliary, optimiser, ema, selection, randomness, log, losses, run.epochs, warmup, path, place, schedule
    )
    if trail.resume:
        session.restore(rank)
    else:
        log.cut(place.log_bytes)

    def forward(drawn: Batch, class_weights: torch.Tensor | None, row_weights: torch.Tensor | None) -> Any:
        """Return (losses, targets), and the auxiliary term if there is one, as the SAM family wants them."""
        with autocast():
            if drawn.views is None:
                logits = call(*(drawn.inputs or ()))
            else:
                logits, term = call(drawn.inputs, *drawn.views)
        if logits is None:
            return term.new_zeros(len(drawn.targets)), drawn.targets, term
        losses = criterion(logits, drawn.targets, class_weights, row_weights)
        if stage.auxiliary is None:
            return losses, drawn.targets
        return stage.auxiliary.supervised * losses, drawn.targets, term

    def step(index: torch.Tensor, class_weights: torch.Tensor | None, progress: float) -> torch.Tensor:
        """Train on the rows `index`; return their mean loss."""
        if compiled:
            compiled.begin_step()
        drawn = batches.draw(index, progress, randomness.augmentation, session.epoch)
        row_weights = None if inputs.weights is None else inputs.weights[index]
        if stage.optimiser:
            closure = lambda: forward(drawn, class_weights, row_weights)  # noqa: E731
            loss: torch.Tensor = optimiser.step(closure)  # type: ignore[assignment]  # see WrapOptimiser
        else:
            result = forward(drawn, class_weights, row_weights)
            loss = result[0].mean() if len(result) == 2 else result[0].mean() + result[2]
            fabric.backward(loss)
            if clip:
                clip()
            optimiser.step()
            optimiser.zero_grad()
        if ema:
            ema.update()
        return loss.detach()

    def pause(interrupt: Flag) -> None:
        """Write a checkpoint if it is time or a signal came, and stop if one came; all processes together.

        Raises:
            Interrupted: a signal came, and there is something left to train.
        """
        stop, due = interrupt.raised, session.due(run.checkpoint_minutes)
        if world > 1:
            wishes = torch.tensor([stop, due], dtype=torch.float32, device=device)
            stop, due = (bool(wish) for wish in fabric.all_reduce(wishes, reduce_op="max"))
        if stop or due:
            session.save(fabric)
        if stop and not (session.over and place.last):
            where = f"stage {place.stage + 1} of {place.stages}, " if place.stages > 1 else ""
            raise Interrupted(f"stopped at {where}step {session.step} of {session.total}")

    spread, told = float("nan"), time.monotonic()
    observer.start(session.total, session.step)
    with deferred_interrupts() as interrupt, inputs.reading():
        while not session.over:
            began = time.perf_counter()
            training_mode(model, stage)
            if auxiliary is not None:
                auxiliary.train()
            progress = (session.epoch + 0.5) / run.epochs
            epoch_rows = order(part.targets, rows, stage, progress, randomness.of_epoch(session.epoch))
            mine = torch.split(epoch_rows[rank : rows - rows % world : world].to(device), batch)
            inputs.read_ahead(mine[session.done : per_epoch])
            class_weights = criterion.class_weights(progress, device)
            if isinstance(optimiser, FollowsPriors) and (stage.sampler or stage.enlarge):
                optimiser.set_priors(_priors(part.targets, k, stage, progress))
            checked = session.done
            while session.done < per_epoch:
                session.set_learning_rate()
                losses[session.done] = step(mine[session.done], class_weights, progress)
                session.done += 1
                if stage.collect and stage.collect(session.step, session.total):
                    session.collect()
                silent = time.monotonic() - told > TELL_EVERY
                wanted = world == 1 and (silent or interrupt.raised or session.due(run.checkpoint_minutes))
                if wanted or session.done - checked >= CHECK_EVERY or session.done == per_epoch:
                    session.check_losses(checked, fabric)
                    checked, told = session.done, time.monotonic()
                    observer.step(session.step, float(losses[:checked].mean()))
                    if session.done < per_epoch:
                        pause(interrupt)
            session.epoch, session.done = session.epoch + 1, 0
            scores = None
            followed: dict[str, float | None] = {}
            if held_out is not None or tracker is not None:
                looked = time.perf_counter()
                with ema.average_parameters() if ema else nullcontext():
                    if ema:
                        statistics.renew(progress)
                    if held_out is not None:
                        ranked = selection.monitor == "average_precision"
                        scores = validate(model, held_out, dataset.profile, fabric.autocast, trainee.decision, ranked)
                        scores = fabric.broadcast(scores) if world > 1 else scores
                        selection.see(session.epoch, scores, model)
                    if tracker is not None:
                        followed = tracker.measure(model, fabric.autocast)
                session.validating += time.perf_counter() - looked
            row = _row(session, scores, time.perf_counter() - began) | followed
            if auxiliary is not None:
                spread = float(auxiliary.spread)  # type: ignore[arg-type]  # see Auxiliary.build
                row["ssl_spread"] = spread
            log.append(row)
            if folder:
                numbers = {key: value for key, value in row.items() if value is not None}
                fabric.log_dict(numbers, step=row["step"])
            observer.epoch(row)
            if selection.exhausted:
                session.stopped = f"no better validation score for {selection.patience} epochs"
            elif not session.over and _may_stop(stage, world) and time.monotonic() > (trail.until or math.inf):
                session.stopped = OUT_OF_TIME
            pause(interrupt)
    session.save(fabric)
    session.keep_selected(lambda: statistics.renew((session.epoch - 0.5) / run.epochs))
    seconds = session.seconds
    return Trained(
        epochs=session.epoch,
        steps=session.step,
        best_epoch=selection.best_epoch if selection.choose else None,
        stopped=session.stopped,
        seconds=seconds,
        seconds_per_step=(seconds - session.validating) / max(1, session.step),
        collected=session.collected,
        log_bytes=session.log_bytes,
        warnings=_not_compiled(run, compiled) + _collapse(spread),
    )


def _may_stop(stage: Stage, world: int) -> bool:
    """Whether training may end at any epoch: no schedule has to run to its end, and no other process goes on."""
    return world == 1 and stage.schedule is None and stage.collect is None


def _priors(targets: torch.Tensor, num_classes: int, stage: Stage, progress: float) -> Floats:
    """The class distribution of the batches of an epoch."""
    counts = torch.bincount(targets, minlength=num_classes)
    if stage.sampler is not None:
        return stage.sampler.probabilities(counts.tolist(), progress)
    priors: Floats = (counts.double() / counts.sum()).numpy()
    return priors


def _not_compiled(run: ResolvedTraining, compiled: Compiled | None) -> tuple[str, ...]:
    if not run.compile or (compiled and compiled.failure is None):
        return ()
    why = compiled.failure if compiled else "several devices share the training"
    return (f"The network was not compiled, so steps took as long as without --compile: {why}",)


def _collapse(spread: float) -> tuple[str, ...]:
    if not spread < COLLAPSED:
        return ()
    return (
        f"The self-supervised embedding has nearly collapsed: its dimensions' mean standard deviation is {spread:.2g} "
        "of a healthy 1. Take a larger batch or a larger variance weight.",
    )


def _row(session: Session, scores: Scores | None, seconds: float) -> dict[str, Any]:
    """The line of metrics.jsonl for the epoch that just ended; epochs and steps count through all stages."""
    names = ("log_loss", "balanced_log_loss", "accuracy", "balanced_accuracy", "tail_accuracy")
    values = {name: None if scores is None else getattr(scores, name) for name in names}
    if scores is not None and scores.average_precision is not None:
        values["average_precision"] = scores.average_precision
    place, part = session.place, session.selection.part
    return {
        **({"stage": place.stage + 1} if place.stages > 1 else {}),
        "epoch": place.epochs + session.epoch,
        "step": place.steps + session.step,
        "lr": session.optimiser.param_groups[0]["lr"],
        "train_loss": float(session.losses.mean()),
        **{f"{part}_{'loss' if name == 'log_loss' else name}": value for name, value in values.items()},
        "seconds": round(seconds, 3),
    }

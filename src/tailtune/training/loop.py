"""The training loop: one readable path on Lightning Fabric for every method, device and data kind.

The papers prescribe small batches, so the cost of a step is mostly its overhead: data stay on the device, losses are
read back only every `CHECK_EVERY` steps, and schedule, weight average and accounting are a few fused calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Dataset
from tailtune.methods.method import Hooks, Method
from tailtune.optim.ema import WeightEMA
from tailtune.run import Run
from tailtune.training.inputs import Inputs
from tailtune.training.interrupt import Flag, Interrupted, deferred_interrupts
from tailtune.training.log import MetricsLog
from tailtune.training.objective import Objective
from tailtune.training.optimiser import base_optimiser, clipping
from tailtune.training.progress import Observer, Silent
from tailtune.training.randomness import Randomness
from tailtune.training.selection import Selection
from tailtune.training.session import Session
from tailtune.training.validate import Scores, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECK_EVERY = 50


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
    """

    epochs: int
    steps: int
    best_epoch: int | None
    stopped: str
    seconds: float
    seconds_per_step: float


def train(
    dataset: Dataset,
    method: Method,
    run: Run,
    model: torch.nn.Module,
    fabric: Fabric,
    selection: Selection,
    augment: Augment | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
    observer: Observer | None = None,
) -> Trained:
    """Train `model` in place on ``dataset.train``; in the end it holds the selected weights, in evaluation mode.

    Call within `randomness.isolated`, because dropout can only draw from torch's global generator.

    Args:
        dataset: the data; the test part is not looked at (unless `selection` monitors it).
        method: what to train with.
        run: resolved configuration, in which no field that training reads is None.
        model: the network, freshly initialised, on the CPU or the device.
        fabric: device, precision and processes, already launched.
        selection: what is monitored and which weights are kept.
        augment: image augmentation; None for tables.
        folder: where last.ckpt and metrics.jsonl go; nothing is written, to loggers neither, when None.
        resume: go on from last.ckpt in `folder` if it is there.
        observer: told of steps and epochs.

    Raises:
        TailtuneError: a loss that is NaN or infinite, an unreadable checkpoint, or no space left.
        Interrupted: SIGINT or SIGTERM came; last.ckpt holds everything that has been reached.
    """
    assert run.epochs is not None
    assert run.batch_size is not None
    observer = observer or Silent()
    world, rank, device, stage = fabric.world_size, fabric.global_rank, fabric.device, method.stage
    inputs = Inputs.of(dataset.train, len(dataset.names), augment, device)
    monitored = selection.monitored
    held_out = None if monitored is None else Inputs.of(monitored, len(dataset.names), augment, device)
    batch = max(1, min(run.batch_size, len(dataset.train) // world))
    per_epoch = len(dataset.train) // (batch * world)

    module = fabric.setup_module(model)
    # Fabric's wrapper and DDP cost time in every call, so one process calls the network itself under autocast.
    call: Callable[..., torch.Tensor] = module if world > 1 else model
    autocast = nullcontext if world > 1 else fabric.autocast
    clip = clipping(model, run.clip)
    base = base_optimiser(model, run)
    optimiser = stage.optimiser(base, model, Hooks(fabric.backward, clip)) if stage.optimiser else base
    ema = WeightEMA(model, run.ema, warmup=True) if run.ema else None
    objective = Objective.of(stage, device)
    randomness = Randomness(run.seed, rank, device)
    log = MetricsLog(folder / "metrics.jsonl" if folder and rank == 0 else None)
    losses = torch.zeros(per_epoch, device=device)
    warmup, path = int(run.warmup * run.epochs * per_epoch), folder / "last.ckpt" if folder else None
    session = Session(model, optimiser, ema, selection, randomness, log, losses, run.epochs, warmup, path)
    if resume:
        session.restore(rank)
    else:
        log.cut(0)

    def step(index: torch.Tensor, class_weights: torch.Tensor | None) -> torch.Tensor:
        """Train on the rows `index`; return their mean loss."""
        x, targets = inputs.batch(index, randomness.augmentation)
        row_weights = None if inputs.weights is None else inputs.weights[index]

        def forward() -> tuple[torch.Tensor, torch.Tensor]:
            with autocast():
                logits = call(*x)
            return objective(logits, targets, class_weights, row_weights), targets

        if stage.optimiser:
            loss: torch.Tensor = optimiser.step(forward)  # type: ignore[arg-type, assignment]  # see WrapOptimiser
        else:
            loss = forward()[0].mean()
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
        if stop and not session.over:
            raise Interrupted(f"stopped at step {session.step} of {session.total}")

    observer.start(session.total, session.step)
    with deferred_interrupts() as interrupt:
        while not session.over:
            began = time.perf_counter()
            model.train()
            order = randomness.order(len(dataset.train), session.epoch, rank, world).to(device)
            class_weights = objective.class_weights(session.epoch / run.epochs, device)
            checked = session.done
            while session.done < per_epoch:
                session.set_learning_rate()
                rows = order[session.done * batch : (session.done + 1) * batch]
                losses[session.done] = step(rows, class_weights)
                session.done += 1
                wanted = world == 1 and (interrupt.raised or session.due(run.checkpoint_minutes))
                if wanted or session.done - checked >= CHECK_EVERY or session.done == per_epoch:
                    session.check_losses(checked, fabric)
                    checked = session.done
                    observer.step(session.step, float(losses[:checked].mean()))
                    if session.done < per_epoch:
                        pause(interrupt)
            session.epoch, session.done = session.epoch + 1, 0
            scores = None
            if held_out is not None:
                validated = time.perf_counter()
                with ema.average_parameters() if ema else nullcontext():
                    scores = validate(model, held_out, dataset.profile, fabric.autocast)
                    scores = fabric.broadcast(scores) if world > 1 else scores
                    selection.see(session.epoch, scores, model)
                session.validating += time.perf_counter() - validated
            row = _row(session, scores, time.perf_counter() - began)
            log.append(row)
            if folder:
                fabric.log_dict({key: value for key, value in row.items() if value is not None}, step=row["step"])
            observer.epoch(row)
            if selection.exhausted:
                session.stopped = f"no better validation score for {selection.patience} epochs"
            pause(interrupt)
    session.save(fabric)
    session.keep_selected()
    seconds = session.seconds
    return Trained(
        epochs=session.epoch,
        steps=session.step,
        best_epoch=selection.best_epoch if selection.choose else None,
        stopped=session.stopped,
        seconds=seconds,
        seconds_per_step=(seconds - session.validating) / max(1, session.step),
    )


def _row(session: Session, scores: Scores | None, seconds: float) -> dict[str, Any]:
    """The line of metrics.jsonl for the epoch that just ended."""
    names = ("log_loss", "accuracy", "balanced_accuracy", "tail_accuracy")
    values = dict.fromkeys(names) if scores is None else asdict(scores)
    return {
        "epoch": session.epoch,
        "step": session.step,
        "lr": session.optimiser.param_groups[0]["lr"],
        "train_loss": float(session.losses.mean()),
        **{f"val_{'loss' if name == 'log_loss' else name}": value for name, value in values.items()},
        "seconds": round(seconds, 3),
    }

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
from tailtune.errors import TailtuneError
from tailtune.methods.method import Hooks, Method
from tailtune.optim.ema import WeightEMA
from tailtune.optim.schedules import warmup_cosine
from tailtune.run import Run
from tailtune.training.checkpoint import read_checkpoint, write_checkpoint
from tailtune.training.inputs import Inputs
from tailtune.training.interrupt import Interrupted, deferred_interrupts
from tailtune.training.log import MetricsLog
from tailtune.training.objective import Objective
from tailtune.training.optimiser import base_optimiser, clipping
from tailtune.training.progress import Observer, Silent
from tailtune.training.randomness import Randomness
from tailtune.training.selection import Selection
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
        folder: where last.ckpt and metrics.jsonl go; nothing is written when None.
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
    checkpoint = folder / "last.ckpt" if folder else None

    inputs = Inputs.of(dataset.train, len(dataset.names), augment, device)
    monitored = selection.monitored
    held_out = None if monitored is None else Inputs.of(monitored, len(dataset.names), augment, device)
    module = fabric.setup_module(model)
    # Fabric's wrapper and DDP cost time in every call, so one process calls the network itself under autocast.
    call: Callable[..., torch.Tensor] = module if world > 1 else model
    autocast = nullcontext if world > 1 else fabric.autocast
    clip = clipping(model, run.clip)
    hooks = Hooks(fabric.backward, (lambda: fabric.no_backward_sync(module)) if world > 1 else None, clip)
    base = base_optimiser(model, run)
    optimiser = stage.optimiser(base, model, hooks) if stage.optimiser else base
    ema = WeightEMA(model, run.ema, warmup=True) if run.ema else None
    objective = Objective.of(stage, device)
    randomness = Randomness(run.seed, rank, device)
    log = MetricsLog(folder / "metrics.jsonl" if folder and rank == 0 else None)

    batch = max(1, min(run.batch_size, len(dataset.train) // world))
    per_epoch = len(dataset.train) // (batch * world)
    total = run.epochs * per_epoch
    warmup = int(run.warmup * total)
    peaks = [float(group["lr"]) for group in optimiser.param_groups]
    losses = torch.zeros(per_epoch, device=device)  # of the current epoch, read back now and then
    epoch, done, stopped = 0, 0, "finished"
    spent, validating = 0.0, 0.0  # seconds of training before this process, and of validation

    if resume and checkpoint and checkpoint.exists():
        saved = read_checkpoint(checkpoint)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        if ema:
            ema.load_state_dict(saved["ema"])
        selection.load_state_dict(saved["selection"])
        randomness.load_state_dict(saved["randomness"], rank)
        losses.copy_(saved["losses"])
        epoch, done, stopped = saved["epoch"], saved["done"], saved["stopped"]
        spent, validating = saved["seconds"], saved["validating"]
        log.cut(saved["log_bytes"])
    else:
        log.cut(0)

    def seconds() -> float:
        return spent + time.perf_counter() - started

    def save() -> None:
        states = randomness.state_dict(fabric)
        if checkpoint and rank == 0:
            state: dict[str, Any] = {
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "ema": ema.state_dict() if ema else {},
                "selection": selection.state_dict(),
                "randomness": states,
                "losses": losses,
                "epoch": epoch,
                "done": done,
                "stopped": stopped,
                "seconds": seconds(),
                "validating": validating,
                "log_bytes": log.size(),
            }
            write_checkpoint(checkpoint, state)

    def check_losses(since: int) -> None:
        if world > 1 and since < done:  # the mean over the processes, so that all of them stop at the same step
            losses[since:done] = fabric.all_reduce(losses[since:done].clone(), reduce_op="mean")
        bad = torch.nonzero(~torch.isfinite(losses[since:done]))
        if len(bad):
            at = since + int(bad[0])
            step = epoch * per_epoch + at
            kept = checkpoint if checkpoint and checkpoint.exists() else "none was written yet"
            raise TailtuneError(
                f"the loss became {float(losses[at])} at step {step + 1} of {total}, where the learning rate was "
                f"{peaks[0] * warmup_cosine(step, total, warmup):.3g}; try a lower --lr than {peaks[0]:g}, "
                f"or --clip 1; last good checkpoint: {kept}"
            )

    def agreed(*wishes: bool) -> list[bool]:
        """Whether any process wishes it, for each wish: all processes must act at the same step."""
        if world == 1:
            return list(wishes)
        return [bool(x) for x in fabric.all_reduce(torch.tensor(wishes, device=device).float(), reduce_op="max")]

    started, saved_at = time.perf_counter(), time.monotonic()
    observer.start(total, epoch * per_epoch + done)
    with deferred_interrupts() as interrupt:
        while epoch < run.epochs and stopped == "finished":
            began = time.perf_counter()
            model.train()
            order = randomness.order(len(dataset.train), epoch, rank, world).to(device)
            class_weights = objective.class_weights(epoch / run.epochs, device)
            checked = done
            while done < per_epoch:
                factor = warmup_cosine(epoch * per_epoch + done, total, warmup)
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["lr"] = peak * factor
                index = order[done * batch : (done + 1) * batch]
                x, targets = inputs.batch(index, randomness.augmentation)
                row_weights = None if inputs.weights is None else inputs.weights[index]

                def forward() -> tuple[torch.Tensor, torch.Tensor]:
                    with autocast():
                        logits = call(*x)  # noqa: B023  # called within this step only
                    return objective(logits, targets, class_weights, row_weights), targets  # noqa: B023

                if stage.optimiser:
                    loss: torch.Tensor = optimiser.step(forward)  # type: ignore[arg-type, assignment]  # see Hooks
                else:
                    loss = forward()[0].mean()
                    fabric.backward(loss)
                    if clip:
                        clip()
                    optimiser.step()
                    optimiser.zero_grad()
                if ema:
                    ema.update()
                losses[done] = loss.detach()
                done += 1
                if done - checked >= CHECK_EVERY or done == per_epoch:
                    check_losses(checked)
                    checked = done
                    observer.step(epoch * per_epoch + done, float(losses[:done].mean()))
                if world == 1 or checked == done:
                    due = time.monotonic() - saved_at > 60 * run.checkpoint_minutes
                    stop, due = agreed(interrupt.raised, due)
                    if (stop or due) and done < per_epoch:  # at the end of an epoch, see below
                        check_losses(checked)
                        save()
                        saved_at = time.monotonic()
                    if stop and done < per_epoch:
                        raise Interrupted(f"stopped at step {epoch * per_epoch + done} of {total}")
            epoch += 1
            done = 0
            row: dict[str, Any] = {
                "epoch": epoch,
                "step": epoch * per_epoch,
                "lr": optimiser.param_groups[0]["lr"],
                "train_loss": float(losses.mean()),
            }
            scores: Scores | None = None
            validation_began = time.perf_counter()
            with ema.average_parameters() if ema else nullcontext():
                if held_out is not None:
                    scores = validate(model, held_out, dataset.profile, fabric.autocast)
                    scores = fabric.broadcast(scores) if world > 1 else scores
                    selection.see(epoch, scores, model)
            validating += time.perf_counter() - validation_began
            names = ("log_loss", "accuracy", "balanced_accuracy", "tail_accuracy")
            values = dict.fromkeys(names) if scores is None else asdict(scores)
            row |= {f"val_{'loss' if name == 'log_loss' else name}": value for name, value in values.items()}
            row["seconds"] = round(time.perf_counter() - began, 3)
            log.append(row)
            fabric.log_dict({key: value for key, value in row.items() if value is not None}, step=row["step"])
            observer.epoch(row)
            if selection.exhausted:
                stopped = f"no better validation score for {selection.patience} epochs"
            stop, due = agreed(interrupt.raised, time.monotonic() - saved_at > 60 * run.checkpoint_minutes)
            if stop or due:
                save()
                saved_at = time.monotonic()
            if stop and epoch < run.epochs and stopped == "finished":
                raise Interrupted(f"stopped after epoch {epoch} of {run.epochs}")
    save()
    if ema:
        ema.apply_to(model)
    if selection.choose and selection.weights:
        model.load_state_dict(selection.weights)
    model.eval()
    steps, took = epoch * per_epoch, seconds()
    return Trained(
        epochs=epoch,
        steps=steps,
        best_epoch=selection.best_epoch if selection.choose else None,
        stopped=stopped,
        seconds=took,
        seconds_per_step=(took - validating) / max(1, steps),
    )

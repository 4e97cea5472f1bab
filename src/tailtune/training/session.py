"""Everything that changes while a network trains, and so everything that a checkpoint holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tailtune.errors import TailtuneError
from tailtune.methods.method import Schedule
from tailtune.optim.ema import WeightEMA
from tailtune.optim.schedules import warmup_cosine
from tailtune.training.assignment import ALONE, Place
from tailtune.training.checkpoint import read_checkpoint, write_checkpoint
from tailtune.training.log import MetricsLog
from tailtune.training.randomness import Randomness
from tailtune.training.selection import Selection

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FINISHED = "finished"


@dataclass
class Session:
    """The state of one training.

    Attributes:
        model, auxiliary, optimiser, ema, selection, randomness, log: what is trained, with what, and what keeps track.
        losses: training loss of each step of the current epoch, on the device, read back now and then.
        epochs: planned epochs.
        warmup: steps of linear warm-up.
        path: of the checkpoint, or None to keep nothing on disk.
        place: of this stage in the run.
        schedule: factor of the learning rate.
        collected: copies of the weights that the stage asked for, on the CPU.
        epoch: finished epochs.
        done: finished steps of the current epoch.
        stopped: "finished", or why training ends early.
        before: seconds of training before this process.
        validating: seconds spent on looking at the network between epochs: validation, and what is tracked.
        log_bytes: length of metrics.jsonl at the latest checkpoint.
    """

    model: torch.nn.Module
    auxiliary: torch.nn.Module | None
    optimiser: torch.optim.Optimizer
    ema: WeightEMA | None
    selection: Selection
    randomness: Randomness
    log: MetricsLog
    losses: torch.Tensor
    epochs: int
    warmup: int
    path: Path | None
    place: Place = ALONE
    schedule: Schedule = warmup_cosine
    collected: list[dict[str, torch.Tensor]] = field(default_factory=list)
    epoch: int = 0
    done: int = 0
    stopped: str = FINISHED
    before: float = 0.0
    validating: float = 0.0
    log_bytes: int = 0
    _peaks: list[float] = field(default_factory=list)
    _started: float = field(default_factory=time.perf_counter)
    _saved_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._peaks = [float(group["lr"]) for group in self.optimiser.param_groups]

    @property
    def step(self) -> int:
        """Finished steps of all epochs."""
        return self.epoch * len(self.losses) + self.done

    @property
    def total(self) -> int:
        """Planned steps."""
        return self.epochs * len(self.losses)

    @property
    def seconds(self) -> float:
        """Training time so far, validation and earlier processes included."""
        return self.before + time.perf_counter() - self._started

    @property
    def over(self) -> bool:
        """Whether there is nothing left to train."""
        return self.epoch >= self.epochs or self.stopped != FINISHED

    def set_learning_rate(self) -> None:
        """Give every parameter group its learning rate for the next step."""
        factor = self.schedule(self.step, self.total, self.warmup)
        for group, peak in zip(self.optimiser.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor

    def check_losses(self, since: int, fabric: Fabric) -> None:
        """Look at the losses of the steps from `since` of this epoch on.

        Raises:
            TailtuneError: one is NaN or infinite.
        """
        recent = self.losses[since : self.done]
        if fabric.world_size > 1 and len(recent):  # the mean over the processes, so that all stop at the same step
            recent.copy_(fabric.all_reduce(recent.clone(), reduce_op="mean"))
        bad = torch.nonzero(~torch.isfinite(recent))
        if len(bad):
            step = self.epoch * len(self.losses) + since + int(bad[0])
            rate = self._peaks[0] * self.schedule(step, self.total, self.warmup)
            kept = self.path if self.path and self.path.exists() else "none was written yet"
            raise TailtuneError(
                f"the loss became {float(recent[int(bad[0])])} at step {step + 1} of {self.total}, where the learning "
                f"rate was {rate:.3g}; try a lower --lr than {self._peaks[0]:g}, or --clip 1; last good checkpoint: "
                f"{kept}"
            )

    def collect(self) -> None:
        """Keep a copy of the weights as they are now."""
        state: dict[str, torch.Tensor] = self.model.state_dict()
        self.collected.append({name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()})

    def due(self, minutes: float) -> bool:
        """Whether the last checkpoint is older than `minutes`."""
        return time.monotonic() - self._saved_at > 60 * minutes

    def save(self, fabric: Fabric) -> None:
        """Write the checkpoint (all processes must call this together; the first one writes).

        Raises:
            TailtuneError: no space left.
        """
        states = self.randomness.state_dict(fabric)
        self._saved_at, self.log_bytes = time.monotonic(), self.log.size()
        if self.path is None or fabric.global_rank > 0:
            return
        state = {
            "model": self.model.state_dict(),
            "auxiliary": self.auxiliary.state_dict() if self.auxiliary else {},
            "collected": self.collected,
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state_dict() if self.ema else {},
            "selection": self.selection.state_dict(),
            "randomness": states,
            "losses": self.losses,
            "epoch": self.epoch,
            "done": self.done,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "validating": self.validating,
            "log_bytes": self.log_bytes,
        }
        write_checkpoint(self.path, state)

    def restore(self, rank: int) -> None:
        """Take up the checkpoint if there is one, and cut what was logged after it; else begin an empty log.

        Raises:
            TailtuneError: the checkpoint cannot be read.
        """
        saved = None if self.path is None else read_checkpoint(self.path)
        if saved is None:
            self.log.cut(self.place.log_bytes)
            return
        try:
            self._take_up(saved, rank)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:  # as torch refuses another network's weights
            why = str(error).splitlines()[0]
            raise TailtuneError(
                f"{self.path} is the checkpoint of another training ({why}); delete it to train anew"
            ) from error
        if not self.over or self.place.last:  # what a later stage logged must stay
            self.log.cut(self.log_bytes)

    def _take_up(self, saved: dict[str, Any], rank: int) -> None:
        self.model.load_state_dict(saved["model"])
        if self.auxiliary:
            self.auxiliary.load_state_dict(saved["auxiliary"])
        self.collected = saved["collected"]
        self.optimiser.load_state_dict(saved["optimiser"])
        if self.ema:
            self.ema.load_state_dict(saved["ema"])
        self.selection.load_state_dict(saved["selection"])
        self.randomness.load_state_dict(saved["randomness"], rank)
        self.losses.copy_(saved["losses"])
        self.epoch, self.done, self.stopped = saved["epoch"], saved["done"], saved["stopped"]
        self.before, self.validating = saved["seconds"], saved["validating"]
        self.log_bytes = saved["log_bytes"]

    def keep_selected(self, renew_statistics: Callable[[], None]) -> None:
        """Leave the selected weights in the model: the best ones if selection chose, else the last or their average.

        `renew_statistics` gives the average BatchNorm statistics of its own, which chosen weights hold already.
        """
        if self.selection.choose and self.selection.weights:
            self.model.load_state_dict(self.selection.weights)
        elif self.ema:
            self.ema.apply_to(self.model)
            renew_statistics()
        self.model.eval()

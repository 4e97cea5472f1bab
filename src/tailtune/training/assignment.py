"""What a training is given, in four bundles: what is trained, on what, where in the run, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Dataset
from tailtune.decision.decision import FitDecision
from tailtune.methods.method import Stage
from tailtune.models.network import Network
from tailtune.settings import ResolvedTraining
from tailtune.training.observer import Observer, Silent
from tailtune.training.selection import Selection

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Trainee:
    """What is trained.

    Attributes:
        model: the network to begin with, on the CPU or the device; it is changed in place.
        stage: what to train it with.
        selection: what is monitored and which weights are kept.
        decision: fitted on the probabilities in validation, or None.
        reference: the final network of an earlier stage, which the stage asks for, or None.
    """

    model: Network
    stage: Stage
    selection: Selection
    decision: FitDecision | None = None
    reference: torch.nn.Module | None = None


@dataclass(frozen=True)
class Ground:
    """On what it is trained.

    Attributes:
        dataset: the data.
        run: the resolved configuration.
        fabric: device, precision and processes, already launched.
        augment: image augmentation; None for tables.
    """

    dataset: Dataset
    run: ResolvedTraining
    fabric: Fabric
    augment: Augment | None = None


@dataclass(frozen=True)
class Place:
    """Where in a run a stage stands.

    Attributes:
        stage: its index.
        stages: how many there are.
        epochs, steps: finished in earlier stages.
        log_bytes: length of metrics.jsonl when the stage begins.
    """

    stage: int = 0
    stages: int = 1
    epochs: int = 0
    steps: int = 0
    log_bytes: int = 0

    @property
    def last(self) -> bool:
        """Whether no stage follows."""
        return self.stage == self.stages - 1

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint file."""
        return "last.ckpt" if self.last else f"stage{self.stage + 1}.ckpt"


@dataclass(frozen=True)
class Trail:
    """What is kept of a training, and who follows it.

    Attributes:
        folder: where checkpoints and metrics.jsonl go; nothing is written, to loggers neither, when None.
        resume: go on from the checkpoints in `folder` if there are any.
        observer: told of steps and epochs.
        until: the time, by `time.monotonic`, at which training stops after the epoch that it is in; None for never.
            Methods whose schedule has to run to its end do not stop, nor do several processes.
    """

    folder: Path | None = None
    resume: bool = False
    observer: Observer = field(default_factory=Silent)
    until: float | None = None


ALONE, UNSEEN = Place(), Trail()

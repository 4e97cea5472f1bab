"""One stage trained on a made data set, as tests of the loop need it."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch

from tailtune.augment.policies import Augment
from tailtune.data.dataset import Dataset
from tailtune.methods.method import Method
from tailtune.models.build import build
from tailtune.settings import Run
from tailtune.training.assignment import Ground, Trail, Trainee
from tailtune.training.device import make_fabric
from tailtune.training.loop import Trained, train
from tailtune.training.randomness import initialisation, isolated
from tailtune.training.recipe import resolve
from tailtune.training.selection import select

RUN = Run(data="made", model="mlp", epochs=4, batch_size=32, optimizer="sgd", lr=0.05, ema=0.9, accelerator="cpu")


def fit(
    dataset: Dataset, method: Method, run: Run = RUN, augment: Augment | None = None, **how: Any
) -> tuple[Trained, dict[str, torch.Tensor], torch.nn.Module]:
    """Train the first stage of `method`; return what the loop returned, the weights, and the model.

    `augment` is for images; `how` are the fields of `Trail`.
    """
    run = resolve(run, method, dataset)
    fabric = make_fabric(run, "32")
    with isolated(fabric.device):
        with initialisation(run.seed):
            model = build(str(run.model), dataset.preprocessor.shape(), len(dataset.names))
        trainee = Trainee(model, method.stages[0], select(run, dataset)[0])
        trained = train(trainee, Ground(dataset, run, fabric, augment), trail=Trail(**how))
    return trained, model.state_dict(), model


class InterruptingLoss:
    """Cross-entropy that sends SIGINT to this process on its n-th call."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")

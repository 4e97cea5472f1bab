"""tailtune's own training path, with everything that it chooses by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.methods import erm
from tailtune.methods.method import Method
from tailtune.models.network import count_parameters
from tailtune.profile import ClassProfile
from tailtune.settings import Run
from tailtune.training.assignment import Ground, Trail, Trainee
from tailtune.training.augmentation import augmentation
from tailtune.training.device import choose_precision, make_fabric
from tailtune.training.loop import train
from tailtune.training.randomness import isolated
from tailtune.training.recipe import resolve
from tailtune.training.selection import Selection
from throughput.cases import Case, Length, default_device, shuffled
from throughput.measured import Clock, Measured

MakeMethod = Callable[[ClassProfile], Method]
NOTHING = Selection(None, "accuracy", 0, choose=False)
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours_fp32": {"precision": "32"},
    "ours_compiled": {"compile": True},
}


def resolved(dataset: Dataset, case: Case, length: Length, **changes: Any) -> Run:
    """The configuration that the command line would arrive at; an epoch is as long as the warm-up."""
    settings = {"policy": "flip+crop", "selection": "last", "epochs": 1 + length.steps // length.warm_up} | changes
    run = Run(data="cifar10", model=case.model, batch_size=case.batch, **settings)
    return resolve(run, erm(dataset.profile), dataset)


def ours(
    dataset: Dataset,
    case: Case,
    length: Length,
    method: MakeMethod = erm,
    when_warm: Callable[[], object] = lambda: None,
    **changes: Any,
) -> Measured:
    """Train so many steps by one method, with `changes` to the configuration; the first epoch is the warm-up."""
    clock = Clock(length, default_device(), when_warm)
    run = resolved(dataset, case, length, **changes)
    precision = choose_precision(run, "image")
    fabric = make_fabric(run, precision)
    few = replace(dataset, train=shuffled(dataset.train).take(np.arange(case.batch * length.warm_up)))
    model = case.network(dataset)
    trainee = Trainee(model, method(dataset.profile).stages[0], NOTHING)
    ground = Ground(few, run, fabric, augmentation(dataset.preprocessor, run))
    with isolated(fabric.device):
        train(trainee, ground, trail=Trail(observer=clock))
    return clock.measured(count_parameters(model), precision)

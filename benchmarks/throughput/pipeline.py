"""The share of a step that goes into drawing, augmenting and normalising its batch."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from tailtune.data.dataset import Dataset
from tailtune.methods import erm
from tailtune.training.augmentation import augmentation
from tailtune.training.batches import Batches
from tailtune.training.inputs import Inputs
from throughput.cases import Case, Length, default_device, synchronise
from throughput.measured import interleaved, quotients
from throughput.ours import ours, resolved

POLICIES = ("flip+crop", "flip+crop+trivialaugment")


def shares(dataset: Dataset, case: Case, length: Length, rounds: int) -> list[dict[str, Any]]:
    """A row for every policy."""
    return [_row(dataset, case, length, rounds, policy) for policy in POLICIES]


def drawing(dataset: Dataset, case: Case, length: Length, policy: str) -> float:
    """Seconds of making a batch, alone on the device."""
    device, run = default_device(), resolved(dataset, case, length, policy=policy)
    augment = augmentation(dataset.preprocessor, run)
    rows = Inputs.of(dataset.train, len(dataset.names), augment, device)
    stage = erm(dataset.profile).stages[0]
    batches = Batches(rows, stage, augment, torch.nn.Identity(), None, flip=True)
    generator = torch.Generator(device).manual_seed(0)
    order = torch.randperm(len(dataset.train), device=device).repeat(2)
    began = 0.0
    for step in range(length.warm_up + length.steps):
        if step == length.warm_up:
            synchronise(device)
            began = time.perf_counter()
        start = step * case.batch % len(dataset.train)
        batches.draw(order[start : start + case.batch], 0.5, generator)
    synchronise(device)
    return (time.perf_counter() - began) / length.steps


def _row(dataset: Dataset, case: Case, length: Length, rounds: int, policy: str) -> dict[str, Any]:
    measures = {
        "draw": lambda: drawing(dataset, case, length, policy),
        "step": lambda: ours(dataset, case, length, policy=policy).seconds,
    }
    milliseconds = {name: [1000 * x for x in values] for name, values in interleaved(measures, rounds).items()}
    return {
        "policy": policy,
        "milliseconds": {name: statistics.median(values) for name, values in milliseconds.items()},
        "share": quotients(milliseconds["draw"], milliseconds["step"]),
        "rounds": milliseconds,
    }

"""Fills what a `Run` leaves open from the data and the method: the plain routine or the tuned one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tailtune.data.dataset import Dataset
from tailtune.methods.method import Method
from tailtune.run import Run

CUTMIX_STEPS = 4000  # fewer steps do not repay mixing; see benchmarks/cutmix_steps.json


def resolve(run: Run, method: Method, dataset: Dataset) -> Run:
    """Return `run` with every open training field set.

    "plain" holds the field's conventional settings. "tuned" follows the paper's prescriptions (small batches, weight
    averaging, stronger augmentation where training is long enough to profit); docs/recipe.md says how each constant
    was chosen.
    """
    settings = _table(run, method, dataset) if dataset.kind == "table" else _image(run, method, dataset)
    chosen = {name: value for name, value in settings.items() if getattr(run, name) is None}
    return replace(run, **chosen)


def _table(run: Run, method: Method, dataset: Dataset) -> dict[str, Any]:
    rows = len(dataset.train)
    if method.recipe == "plain":
        batch, lr, optimizer, weight_decay, ema = (256 if rows >= 10_000 else 64), 1e-3, "adamw", 1e-5, 0.0
    else:
        batch, lr, optimizer, weight_decay, ema = min(128, max(16, rows // 10)), 0.1, "sgd", 1e-4, 0.99
    epochs = _epochs(600, rows, min(run.batch_size or batch, rows), fewest=15, most=200)
    return {
        "batch_size": batch,
        "optimizer": optimizer,
        "lr": lr,
        "weight_decay": weight_decay,
        "ema": ema,
        "epochs": epochs,
        "patience": 16,
        "policy": "none",
    }


def _image(run: Run, method: Method, dataset: Dataset) -> dict[str, Any]:
    rows = len(dataset.train)
    small = rows < 2000
    flip = dataset.flip if run.flip is None else run.flip
    mirror = "flip+" if flip or flip is None else ""
    if method.recipe == "plain":
        batch = 32 if small else 128
        settings: dict[str, Any] = {"batch_size": batch, "lr": 0.1, "ema": 0.0}
    else:
        batch = 32 if small else 64
        settings = {"batch_size": batch, "lr": 0.1, "ema": 0.995 if small else 0.999}
    batch = min(run.batch_size or batch, rows)
    epochs = run.epochs or _epochs(1500 if small else 12_000, rows, batch, fewest=30, most=200)
    steps = epochs * (rows // batch)
    policy = f"{mirror}crop"
    if method.recipe == "tuned" and not small:
        policy += "+trivialaugment" + ("+cutmix" if steps >= CUTMIX_STEPS else "")
    settings |= {
        "optimizer": "sgd",
        "weight_decay": 2e-4,
        "epochs": epochs,
        "policy": policy,
        "patience": 0,
        "flip": flip,
    }
    return settings


def _epochs(steps: int, rows: int, batch: int, fewest: int, most: int) -> int:
    """Epochs that make about `steps` steps, within bounds."""
    return min(most, max(fewest, math.ceil(steps / max(1, rows // batch))))

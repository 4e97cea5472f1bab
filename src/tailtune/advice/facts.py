"""What the advice looks at, taken from a data set before training or from a finished run's result."""

from __future__ import annotations

from typing import Any

import numpy as np

from tailtune.advice.advice import Facts
from tailtune.data.dataset import Dataset
from tailtune.profile import ClassProfile
from tailtune.run.result import Result
from tailtune.settings import Reading


def facts_of_dataset(dataset: Dataset, reading: Reading) -> Facts:
    """Facts before training: the parts' class counts, the image size, and whether mirrored images keep their class."""
    shape: dict[str, Any] = dict(dataset.preprocessor.shape())
    val = None if dataset.val is None else _counts(dataset.val.targets.numpy(), len(dataset.names))
    return Facts(
        profile=dataset.profile,
        kind=dataset.kind,
        val_counts=val,
        test_counts=_counts(dataset.test.targets.numpy(), len(dataset.names)),
        side=_side(shape),
        channels=shape.get("channels"),
        flip=dataset.flip if reading.flip is None else reading.flip,
    )


def facts_of_result(result: Result) -> Facts:
    """Facts of a finished run."""
    data, run = result.data, result.run
    shape: dict[str, Any] = dict(data.features)
    return Facts(
        profile=ClassProfile(data.counts.train, data.names),
        kind=result.kind,
        val_counts=data.counts.val,
        test_counts=data.counts.test,
        side=_side(shape),
        channels=shape.get("channels"),
        flip=run.flip,
        method=run.method,
        model=run.model,
        parameters=result.training.parameters,
        batch_size=run.batch_size,
        epochs=run.epochs,
    )


def _counts(targets: Any, num_classes: int) -> list[int]:
    counts: list[int] = np.bincount(targets, minlength=num_classes).tolist()
    return counts


def _side(shape: dict[str, Any]) -> int | None:
    return max(int(shape["height"]), int(shape["width"])) if "height" in shape else None

"""What the advice looks at, taken from a data set before training or from a finished run's result."""

from __future__ import annotations

from typing import Any

import numpy as np

from tailtune.advice.advice import Facts
from tailtune.data.dataset import Dataset
from tailtune.profile import ClassProfile
from tailtune.settings import Run


def facts_of_dataset(dataset: Dataset, run: Run) -> Facts:
    """Facts before training: the parts' class counts, the image size, and what the user has chosen."""
    shape: dict[str, Any] = dict(dataset.preprocessor.shape())
    val = None if dataset.val is None else _counts(dataset.val.targets.numpy(), len(dataset.names))
    return Facts(
        profile=dataset.profile,
        kind=dataset.kind,
        val_counts=val,
        test_counts=_counts(dataset.test.targets.numpy(), len(dataset.names)),
        side=_side(shape),
        channels=shape.get("channels"),
        flip=dataset.flip if run.flip is None else run.flip,
        method=run.method,
        model=run.model,
        batch_size=run.batch_size,
        epochs=run.epochs,
    )


def facts_of_result(result: dict[str, Any]) -> Facts:
    """Facts of a finished run, from result.json."""
    data, run, shape = result["data"], result["run"], result["data"]["features"]
    counts = data["counts"]
    return Facts(
        profile=ClassProfile(tuple(counts["train"]), tuple(data["names"])),
        kind=result["kind"],
        val_counts=counts["val"],
        test_counts=counts["test"],
        side=_side(shape),
        channels=shape.get("channels"),
        flip=run["flip"],
        method=run["method"],
        model=run["model"],
        parameters=result["training"]["parameters"],
        batch_size=run["batch_size"],
        epochs=run["epochs"],
    )


def _counts(targets: Any, num_classes: int) -> list[int]:
    counts: list[int] = np.bincount(targets, minlength=num_classes).tolist()
    return counts


def _side(shape: dict[str, Any]) -> int | None:
    return max(int(shape["height"]), int(shape["width"])) if "height" in shape else None

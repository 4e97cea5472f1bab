"""`Facts`: what a check looks at, taken from a data set before training or from the result of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailtune.data.dataset import Dataset, Kind
from tailtune.profile import ClassProfile
from tailtune.run.result import Result
from tailtune.settings import Reading
from tailtune.words import quoted

# Where imbalance begins to matter and where it is severe is tailtune's reading of the paper's curves over ratios
# from 1 down to 0.001; the paper names no thresholds.
BALANCED, SEVERE = 0.5, 0.05


@dataclass(frozen=True)
class Facts:
    """What is known about the data, and about the run if one is planned. ``None`` means not known or not chosen.

    Args:
        profile: class distribution of the training part.
        kind: table or image.
        val_counts: rows of each class in the validation part [K].
        test_counts: rows of each class in the test part [K].
        side: longer side of the images in pixels.
        channels: colour channels of the images.
        flip: whether a mirrored image keeps its class, if the user or the data set has said so.
        method: name of the chosen method.
        model: name of the chosen model.
        parameters: number of trainable parameters of that model.
        batch_size: rows a step.
        epochs: passes over the training part.
        network: whether the chosen model is a network, or may be one: advice on its training has no meaning for trees.
    """

    profile: ClassProfile
    kind: Kind
    val_counts: Sequence[int] | None = None
    test_counts: Sequence[int] | None = None
    side: int | None = None
    channels: int | None = None
    flip: bool | None = None
    method: str | None = None
    model: str | None = None
    parameters: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    network: bool = True

    @property
    def rows(self) -> str:
        """What one sample is called: rows of a table, images of a folder."""
        return "rows" if self.kind == "table" else "images"

    @property
    def imbalanced(self) -> bool:
        """Whether the ratio is under 0.5."""
        return self.profile.ratio < BALANCED

    @property
    def severe(self) -> bool:
        """Whether the ratio is 0.05 or less."""
        return self.profile.ratio <= SEVERE

    @property
    def rarest(self) -> int:
        """Index of the rarest class that has training samples at all."""
        counts = self.profile.counts
        return min((k for k, count in enumerate(counts) if count), key=lambda k: counts[k])

    @property
    def commonest(self) -> int:
        """Index of the most frequent class of the training part."""
        return int(self.profile.head[0])

    def name(self, index: int) -> str:
        """The quoted name of a class."""
        return quoted(self.profile.names[index])


def facts_of_dataset(dataset: Dataset, reading: Reading) -> Facts:
    """Facts before training: the parts' class counts, the image size, and whether mirrored images keep their class."""
    shape = dataset.preprocessor.shape()
    val = None if dataset.val is None else _counts(dataset.val.targets.numpy(), len(dataset.names))
    return Facts(
        profile=dataset.profile,
        kind=dataset.kind,
        val_counts=val,
        test_counts=_counts(dataset.test.targets.numpy(), len(dataset.names)),
        side=_side(shape),
        channels=_size(shape, "channels"),
        flip=dataset.flip if reading.flip is None else reading.flip,
    )


def facts_of_result(result: Result) -> Facts:
    """Facts of a finished run."""
    data, run = result.data, result.run
    return Facts(
        profile=ClassProfile(data.counts.train, data.names),
        kind=result.kind,
        val_counts=data.counts.val,
        test_counts=data.counts.test,
        side=_side(data.features),
        channels=_size(data.features, "channels"),
        flip=run.flip,
        method=run.method,
        model=run.model,
        parameters=result.training.parameters,
        batch_size=run.batch_size,
        epochs=run.epochs,
        network=result.training.parameters is not None,
    )


def _counts(targets: ArrayLike, num_classes: int) -> list[int]:
    counts: list[int] = np.bincount(targets, minlength=num_classes).tolist()
    return counts


def _size(shape: Mapping[str, object], name: str) -> int | None:
    size = shape.get(name)
    return size if isinstance(size, int) else None


def _side(shape: Mapping[str, object]) -> int | None:
    return max((size for name in ("height", "width") if (size := _size(shape, name)) is not None), default=None)

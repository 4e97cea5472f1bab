"""`Facts`: what a check looks at, taken from a data set before training or from the result of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailtune import methods
from tailtune.data.dataset import Dataset, Kind
from tailtune.leaks.check import check_leaks
from tailtune.leaks.column_overview import ColumnOverview, overview
from tailtune.leaks.leak import Leak
from tailtune.methods.method import Method
from tailtune.methods.resolve import build
from tailtune.profile import ClassProfile
from tailtune.run.result import Result
from tailtune.settings import Reading, Resolved
from tailtune.training.recipe import SMALL_SIDE, image_routine, table_routine
from tailtune.words import quoted

# From a ratio of 0.8 on, the log odds of two classes differ by at most ln(1 / 0.8) = 0.22 from those of equal classes,
# and answering the largest of two scores at most 56 %. Severe is tailtune's reading of the paper's curves over ratios
# from 1 down to 0.001; the paper names no thresholds.
BALANCED, SEVERE = 0.8, 0.05


@dataclass(frozen=True)
class Routine:
    """The part of a training routine that advice speaks of.

    Attributes:
        batch_size: rows a step.
        epochs: passes over the training part.
        policy: image augmentation.
    """

    batch_size: int
    epochs: int
    policy: str

    def steps(self, rows: int) -> int:
        """Steps of the whole training on so many rows; what does not fill a batch is left out of an epoch."""
        return self.epochs * max(1, rows // self.batch_size)


@dataclass(frozen=True)
class Facts:
    """What is known about the data, and about the run if one is planned. ``None`` means not known or not chosen.

    Args:
        profile: class distribution of the training part.
        kind: table or image.
        val_counts: rows of each class in the validation part [K].
        test_counts: rows of each class in the test part [K].
        split: where the test part comes from: "official", "given" or "stratified".
        side: longer side of the images in pixels, as the network gets them.
        channels: colour channels of the images.
        flip: whether a mirrored image keeps its class, if the user or the data set has said so.
        columns: of a table, as its training rows hold them.
        leaks: what the leakage checks found.
        method: name of the chosen method, with its settings.
        balances: whether that method makes up for unequal class frequencies; the default one does not.
        routine: that of the run.
        begun: whether the run began with published weights or trained no step: how many steps it takes says little.
        network: whether the chosen model is a network, or may be one: advice on its training has no meaning for trees.
    """

    profile: ClassProfile
    kind: Kind
    val_counts: Sequence[int] | None = None
    test_counts: Sequence[int] | None = None
    split: str | None = None
    side: int | None = None
    channels: int | None = None
    flip: bool | None = None
    columns: tuple[ColumnOverview, ...] = ()
    leaks: tuple[Leak, ...] = ()
    method: str | None = None
    balances: bool | None = False
    routine: Routine | None = None
    begun: bool = False
    network: bool = True

    @property
    def recipe(self) -> Routine:
        """What the tuned recipe takes for these rows where nothing else is asked for."""
        asked, tuned = Resolved(data="", model="", method="tuned"), Method("tuned", recipe="tuned")
        if self.kind == "table":
            fields = table_routine(asked, tuned, self.profile.total, len(self.columns))
        else:
            fields = image_routine(asked, tuned, self.profile.total, side=self.side or SMALL_SIDE, flip=self.flip)
        return Routine(min(fields["batch_size"], self.profile.total), fields["epochs"], fields["policy"])

    @property
    def home(self) -> str:
        """The chosen method without its settings, or the default one."""
        return "tuned" if self.method is None else _home(self.method)

    @property
    def rows(self) -> str:
        """What one sample is called: rows of a table, images of a folder."""
        return "rows" if self.kind == "table" else "images"

    @property
    def imbalanced(self) -> bool:
        """Whether the ratio is under 0.8."""
        return self.profile.ratio < BALANCED

    @property
    def severe(self) -> bool:
        """Whether the ratio is 0.05 or less."""
        return self.profile.ratio <= SEVERE

    @property
    def mismatch(self) -> float:
        """Total variation distance of the class proportions of the training and the test part, 0 if unknown."""
        if self.test_counts is None or sum(self.test_counts) == 0:
            return 0.0
        test = np.asarray(self.test_counts, dtype=np.float64)
        return float(np.abs(self.profile.priors - test / test.sum()).sum() / 2)

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
    """Facts before training: class counts, columns, image size, and whether mirrored images keep their class."""
    shape = dataset.preprocessor.shape()
    val = None if dataset.val is None else _counts(dataset.val.targets.numpy(), len(dataset.names))
    columns = overview(dataset)
    return Facts(
        profile=dataset.profile,
        kind=dataset.kind,
        val_counts=val,
        test_counts=_counts(dataset.test.targets.numpy(), len(dataset.names)),
        split=dataset.split,
        side=_side(shape),
        channels=_size(shape, "channels"),
        flip=dataset.flip if reading.flip is None else reading.flip,
        columns=columns,
        leaks=check_leaks(dataset, columns).found,
    )


def facts_of_result(result: Result) -> Facts:
    """Facts of a finished run."""
    data, run = result.data, result.run
    profile = data.profile
    network = result.training.parameters is not None
    routine = None
    if network and run.batch_size is not None and run.epochs is not None:
        routine = Routine(min(run.batch_size, profile.total), run.epochs, run.policy or "none")
    return Facts(
        profile=profile,
        kind=result.kind,
        val_counts=data.counts.val,
        test_counts=data.counts.test,
        split=data.split,
        side=_side(data.features),
        channels=_size(data.features, "channels"),
        flip=run.flip,
        method=run.method,
        balances=_balances(run.method, profile),
        routine=routine,
        begun=bool(run.pretrained or run.weights) or result.training.steps == 0,
        network=network,
        leaks=result.leaks.found if result.leaks else (),
    )


def _balances(method: str, profile: ClassProfile) -> bool | None:
    """Whether a method makes up for unequal class frequencies; None for one of a person's own, which is not called."""
    return build(method, profile).balances if _home(method) in methods.__all__ else None


def _home(method: str) -> str:
    """The name of a method without its settings."""
    return method.partition("(")[0].strip()


def _counts(targets: ArrayLike, num_classes: int) -> list[int]:
    counts: list[int] = np.bincount(targets, minlength=num_classes).tolist()
    return counts


def _size(shape: Mapping[str, object], name: str) -> int | None:
    size = shape.get(name)
    return size if isinstance(size, int) else None


def _side(shape: Mapping[str, object]) -> int | None:
    return max((size for name in ("height", "width") if (size := _size(shape, name)) is not None), default=None)

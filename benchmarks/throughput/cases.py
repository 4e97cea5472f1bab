"""What is trained: a network and a batch size, how many steps of it, and the pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.longtail import exponential_counts
from tailtune.data.open import open_dataset
from tailtune.models.build import build
from tailtune.models.network import Network
from tailtune.settings import Run
from tailtune.training.loop import CHECK_EVERY
from tailtune.training.randomness import initialisation

RATIO = 0.01
CLASSES = 10
SIDE = 32
MOST_STEPS = 400


@dataclass(frozen=True)
class Case:
    """A network and the batch size at which it is trained."""

    model: str
    batch: int

    @classmethod
    def read(cls, text: str) -> Case:
        """Read "resnet32:128"."""
        model, _, batch = text.partition(":")
        return cls(model, int(batch))

    def __str__(self) -> str:
        return f"{self.model}:{self.batch}"

    def network(self, dataset: Dataset) -> Network:
        """The network with the same initial weights every time, on the processor."""
        with initialisation(0):
            return build(self.model, dataset.preprocessor.shape(), len(dataset.names))


@dataclass(frozen=True)
class Length:
    """Steps of one measurement.

    Attributes:
        warm_up: steps that do not count.
        steps: steps that do, a multiple of `warm_up`.
    """

    warm_up: int
    steps: int

    @classmethod
    def of(cls, steps: float, most_warm_up: int) -> Length:
        """About `steps` steps (2 or more, but not needlessly many) after at most `most_warm_up`."""
        steps = max(2, min(MOST_STEPS, int(steps)))
        warm_up = max(1, min(steps // 2, CHECK_EVERY, most_warm_up))
        return cls(warm_up, steps // warm_up * warm_up)

    @classmethod
    def within(cls, seconds: float, dataset: Dataset, case: Case) -> Length:
        """The steps that take about `seconds`, judged by one bare step of the network."""
        return cls.of(seconds / bare_step(dataset, case), len(dataset.train) // case.batch)


def default_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def bare_step(dataset: Dataset, case: Case) -> float:
    """Seconds of a forward and a backward pass of the network in float32, after one that does not count."""
    device = default_device()
    model, seconds = case.network(dataset).to(device), 0.0
    pixels = torch.randn(case.batch, 3, SIDE, SIDE, device=device)
    for _ in range(2):
        synchronise(device)
        began = time.perf_counter()
        model(pixels).sum().backward()
        synchronise(device)
        seconds = time.perf_counter() - began
    return seconds


def shuffled(part: Part) -> Part:
    """The rows in an order of their own, so that the first few hold every class as often as all do."""
    return part.take(torch.randperm(len(part), generator=torch.Generator().manual_seed(0)).numpy())


def load(data_root: str | None) -> Dataset:
    """CIFAR-10-LT at a ratio of 0.01, or made-up pictures of its shape and counts."""
    if data_root:
        return open_dataset(Run(data="cifar10", data_root=data_root, ratio=RATIO, selection="last"))
    return made_up()


def made_up() -> Dataset:
    """Noisy pictures, each class around a picture of its own, so that a network can learn them."""
    counts, _ = exponential_counts(5000, CLASSES, RATIO)
    targets = torch.repeat_interleave(torch.arange(CLASSES), torch.as_tensor(np.asarray(counts)))
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(CLASSES, 3, 4, 4, generator=generator) * 155
    patterns = F.interpolate(coarse, size=SIDE, mode="bilinear").to(torch.uint8)
    pixels = torch.randint(100, (len(targets), 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    pixels += patterns[targets]
    part = Part((pixels,), targets, np.arange(len(targets)).astype(str))
    names, source = tuple(map(str, range(CLASSES))), "made-up pictures with the shape and the counts of CIFAR-10-LT"
    test, preprocessor = part.take(np.arange(CLASSES)), ImagePreprocessor.fit(pixels)
    return Dataset("image", source, names, part, None, test, preprocessor, "stratified", "", flip=True)

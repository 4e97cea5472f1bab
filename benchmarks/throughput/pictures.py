"""Pictures one at a time, as loader workers read them in the other loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset as Rows

from tailtune.data.dataset import Part
from tailtune.run.environment import machine
from throughput.cases import Case, Length, shuffled

AHEAD = 2  # batches that a worker prepares beyond the current one


def workers() -> int:
    """Loader processes: four beside a GPU, else one a core."""
    return 4 if torch.cuda.is_available() else machine().cores or 1


class Pictures(Rows):
    """Pillow images of a part with their class indices, in arrays as torchvision's CIFAR-10 keeps them.

    Longer than the part, so that the workers are as busy in the last step that counts as in every other.

    Args:
        part: the rows, which come in an order of their own.
        case: for the batch size.
        length: steps of the measurement.
        transform: what happens to each image.
    """

    def __init__(self, part: Part, case: Case, length: Length, transform: Callable[[Image.Image], Any] | None) -> None:
        part = shuffled(part)
        self.pixels = np.ascontiguousarray(part.inputs[0].permute(0, 2, 3, 1).numpy())
        self.targets = part.targets.tolist()
        self.transform = transform
        self.number = case.batch * (length.warm_up + length.steps + AHEAD * workers() + 1)

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, row: int) -> tuple[Any, int]:
        """The transformed image and its class index."""
        row %= len(self.targets)
        image = Image.fromarray(self.pixels[row])
        return image if self.transform is None else self.transform(image), self.targets[row]

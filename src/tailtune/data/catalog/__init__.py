"""Named datasets, a module each with a ``load(reading) -> Dataset``; a module's first line is its entry in the list."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

from tailtune.errors import TailtuneError, nearest
from tailtune.settings import Reading

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset

__all__ = [  # noqa: F822 - submodules, imported when they are asked for
    "adult",
    "aptos",
    "binary_cifar10",
    "cifar10",
    "cifar100",
    "cinic10",
    "covertype",
    "digits",
    "eurosat",
    "ham10000",
    "imagenet_lt",
    "otto",
    "siim",
    "siim_with_2019",
    "tiny_imagenet",
]
LONG_TAILED = ("binary_cifar10", "cifar10", "cifar100", "cinic10", "digits", "tiny_imagenet")  # those that take a ratio


def about(name: str) -> str:
    """Return one line about the named dataset.

    >>> about("digits")
    'Handwritten digits of 8 x 8 pixels, embedded in scikit-learn; long-tailed with a ratio.'
    """
    document = importlib.import_module(f"{__name__}.{name}").__doc__ or ""
    return document.strip().splitlines()[0]


def open_named(name: str, reading: Reading) -> Dataset:
    """Read the named dataset.

    Args:
        name: one of `__all__`.
        reading: for the ratio, the folder of the data, the selection and the split.

    Returns:
        The data set with its official test part.

    Raises:
        TailtuneError: a name that does not exist, files that are not there or differ from the official ones, a ratio
            that is out of range, or classes for another set than binary_cifar10.
    """
    if name not in __all__:
        raise TailtuneError(f"there is no dataset {name!r}; there are {', '.join(__all__)}.{nearest(name, __all__)}")
    if reading.classes and name != "binary_cifar10":
        raise TailtuneError(f"--classes {' '.join(reading.classes)} belongs to binary_cifar10; leave it out for {name}")
    dataset: Dataset = importlib.import_module(f"{__name__}.{name}").load(reading)
    return dataset if reading.ratio == reading.test_ratio else replace(dataset, deployment=_balance(dataset))


def _balance(dataset: Dataset) -> tuple[float, ...]:
    """The class balance of the test part, which a protocol with ratios prescribes, so that no row tells it."""
    import numpy as np

    rows = np.maximum(np.bincount(dataset.test.targets.numpy(), minlength=len(dataset.names)), 1)
    return tuple((rows / rows.sum()).tolist())

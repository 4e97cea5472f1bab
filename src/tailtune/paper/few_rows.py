"""A part of the rows of named tables, for trials that say only that everything runs: data sets of the smoke scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset, Part
    from tailtune.settings import Reading

TRAIN, HELD_OUT = 1200, 400


def adult(reading: Reading) -> Dataset:
    """Return some rows of Adult."""
    return _few("adult", reading)


def otto(reading: Reading) -> Dataset:
    """Return some rows of Otto."""
    return _few("otto", reading)


def covertype(reading: Reading) -> Dataset:
    """Return some rows of Covertype."""
    return _few("covertype", reading)


def _few(name: str, reading: Reading) -> Dataset:
    """The preprocessor has seen all training rows."""
    from tailtune.data.catalog import open_named

    dataset = open_named(name, replace(reading, data=name))
    return replace(
        dataset,
        source=reading.data,
        train=_spread(dataset.train, TRAIN),
        val=None if dataset.val is None else _spread(dataset.val, HELD_OUT),
        test=_spread(dataset.test, HELD_OUT),
        as_new=None,
    )


def _spread(part: Part, rows: int) -> Part:
    """Return so many rows, evenly over the part."""
    return part.take(np.unique(np.linspace(0, len(part) - 1, rows).astype(np.int64)))

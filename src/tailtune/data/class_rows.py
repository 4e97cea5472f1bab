"""`with_class_rows`: a data set of which only so many training rows of each class are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.data.longtail import first_of_shuffled
from tailtune.errors import TailtuneError
from tailtune.settings import Reading
from tailtune.words import listed, quoted


def with_class_rows(dataset: Dataset, reading: Reading) -> Dataset:
    """Return the data set with as many training rows of each class as ``reading.class_rows`` says.

    Validation and test rows stay, and so does the hash of the split, so that trainings on parts of the rows can be
    compared on the same test rows. The kept rows come in their old order; a smaller number of a class keeps a subset of
    what a larger one keeps. What is fitted to training rows before (scales and levels of columns) has seen all of them.

    Args:
        dataset: the whole.
        reading: for `class_rows`, of which none leaves the data set as it is, and `split_seed`.

    Raises:
        TailtuneError: another number of classes, or a number under 1 or above what a class has.
    """
    wanted = reading.class_rows
    if not wanted:
        return dataset
    targets = dataset.train.targets.numpy()
    if len(wanted) != len(dataset.names):
        raise TailtuneError(
            f"--class-rows needs a number for each of the {len(dataset.names)} classes ({listed(dataset.names)}), "
            f"however: {len(wanted)}"
        )
    sizes = np.bincount(targets, minlength=len(wanted))
    for name, rows, size in zip(dataset.names, wanted, sizes.tolist(), strict=True):
        if not 1 <= rows <= size:
            raise TailtuneError(
                f"--class-rows asks for {rows} training rows of class {quoted(name)}, which has {size}; ask for 1 to "
                f"{size}"
            )
    kept = np.sort(first_of_shuffled(targets, wanted, reading.split_seed))
    return replace(
        dataset,
        train=dataset.train.take(kept),
        as_new=None if dataset.as_new is None else tuple(x[kept] for x in dataset.as_new),
    )

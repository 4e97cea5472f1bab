"""The rows of a search: those that train, that choose, and that judge what was chosen. Test rows stay out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tailtune.data.by_time import by_time
from tailtune.data.dataset import Dataset
from tailtune.data.splits import stratified
from tailtune.errors import TailtuneError

JUDGE, CHOOSE = 0.2, 0.2  # of the rows that are not test rows, and of those that are left
FEWEST = 5  # rows of each class that judge, or a class says nothing


def for_search(dataset: Dataset, seed: int) -> Dataset:
    """Return the data set of the trials: `val` chooses, and `test` holds the rows that judge in the end.

    Where rows belong to groups or come one after another in time, the validation part judges, which shares no group
    with the training part, or is later; rows of a group then stay together in what chooses.

    Raises:
        TailtuneError: too few rows for three parts.
    """
    apart = dataset.train.groups is not None or dataset.train.times is not None
    if apart and dataset.val is not None:
        whole, judge = dataset.train, dataset.val
    else:
        everything = dataset.train if dataset.val is None else dataset.train.joined(dataset.val)
        split = stratified(everything.targets.numpy(), JUDGE, 0.0, groups=everything.groups, seed=seed)
        whole, judge = everything.take(split.train), everything.take(split.test)
    if whole.times is None:
        inner = stratified(whole.targets.numpy(), 0.0, CHOOSE, groups=whole.groups, seed=seed)
    else:
        inner = by_time(whole.times, 0.0, CHOOSE, whole.groups)
    counts = np.bincount(judge.targets.numpy(), minlength=len(dataset.names))
    if not len(inner.val) or counts.max() < FEWEST:
        raise TailtuneError(
            f"{dataset.source} has too few rows to choose settings on; give it more, or take tailtune fit"
        )
    return replace(dataset, train=whole.take(inner.train), val=whole.take(inner.val), test=judge).for_training()

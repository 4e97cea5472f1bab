"""The rows of a search: those that train, that choose, and that judge what was chosen. Test rows stay out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tailtune.data.by_time import by_time
from tailtune.data.dataset import Dataset
from tailtune.data.splits import stratified
from tailtune.errors import TailtuneError
from tailtune.run.learners.judged_rows import JudgedRows, judged_rows, one_training
from tailtune.settings import Run

JUDGE, CHOOSE = 0.2, 0.2  # of the rows that are not test rows, and of those that are left
FEWEST = 5  # rows of each class that judge, or a class says nothing


@dataclass(frozen=True, eq=False)
class SearchRows:
    """The rows of a search.

    Attributes:
        dataset: with a part that chooses as `val`, and as `test` the rows that judge in the end.
        chosen_by: what the trainings of a trial see, and which rows choose: those of `val`, or of a table with few rows
            each row but those that judge, once, because the best of many trials on few rows is the luckiest.
    """

    dataset: Dataset
    chosen_by: JudgedRows


def for_search(run: Run, dataset: Dataset) -> SearchRows:
    """Return the rows of the trials.

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
        split = stratified(everything.targets.numpy(), JUDGE, 0.0, groups=everything.groups, seed=run.split_seed)
        whole, judge = everything.take(split.train), everything.take(split.test)
    if whole.times is None:
        inner = stratified(whole.targets.numpy(), 0.0, CHOOSE, groups=whole.groups, seed=run.split_seed)
    else:
        inner = by_time(whole.times, 0.0, CHOOSE, whole.groups)
    counts = np.bincount(judge.targets.numpy(), minlength=len(dataset.names))
    if not len(inner.val) or counts.max() < FEWEST:
        raise TailtuneError(
            f"{dataset.source} has too few rows to choose settings on; give it more, or take tailtune fit"
        )
    parts = replace(dataset, train=whole.take(inner.train), val=whole.take(inner.val), test=judge).for_training()
    return SearchRows(parts, judged_rows(run, parts) if dataset.kind == "table" else one_training(parts))

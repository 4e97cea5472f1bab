"""Which rows the members of a portfolio are trained on, and which of them judge them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tailtune.data.dataset import Dataset, Part
from tailtune.data.splits import folds
from tailtune.profile import Indices
from tailtune.settings import Run

FOLDS = 5
FEW = 100  # rows of the rarest class, under which each row is held out once rather than a share of them
FEW_ROWS = 10_000  # likewise of all classes together: training five times costs little


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """The rows to train on, and which of them are held out when.

    Attributes:
        trainings: for each training of a member, its data; `val` is what it does not see, or None.
        held_out: their positions among all held-out rows, training by training.
        targets: class of each held-out row [N]; none where there are none.
        judged: these rows; None where there are none.
        note: a sentence on it.
    """

    trainings: tuple[Dataset, ...]
    held_out: tuple[Indices, ...]
    targets: Indices
    judged: Part | None
    note: str

    @property
    def folds(self) -> Indices | None:
        """For each held-out row, the training that did not see it [N]; None where there is one."""
        if len(self.trainings) == 1:
            return None
        fold = np.empty(len(self.targets), dtype=np.int64)
        for number, positions in enumerate(self.held_out):
            fold[positions] = number
        return fold


def one_training(dataset: Dataset) -> JudgedRows:
    """Hold the validation part out, if there is one."""
    note = "Each was judged on the validation rows." if dataset.val is not None else "No rows were held out."
    held_out = dataset.train.targets.numpy()[:0] if dataset.val is None else dataset.val.targets.numpy()
    return JudgedRows((dataset,), (np.arange(len(held_out)),), held_out, dataset.val, note)


def judged_rows(run: Run, dataset: Dataset) -> JudgedRows:
    """Hold each row out once where there are few, else the validation part."""
    whole = dataset.train if dataset.val is None else dataset.train.joined(dataset.val)
    targets = whole.targets.numpy()
    counts = np.bincount(targets, minlength=1)
    few = len(targets) < FEW_ROWS or counts[counts > 0].min() < FEW
    fold = folds(targets, FOLDS, run.split_seed, whole.groups)
    # folds would mix past and future, and of very few groups some folds have none
    apart = run.time is not None or len(np.unique(fold[fold >= 0])) < FOLDS
    if apart or (dataset.val is not None and not few):
        return one_training(dataset)
    judged = np.flatnonzero(fold >= 0)
    trainings = tuple(
        replace(dataset, train=whole.take(np.flatnonzero(fold != i)), val=whole.take(np.flatnonzero(fold == i)))
        for i in range(FOLDS)
    )
    positions = tuple(np.flatnonzero(fold[judged] == i) for i in range(FOLDS))
    note = f"Each was trained {FOLDS} times, on all rows but a fifth, by which it was judged."
    return JudgedRows(trainings, positions, targets[judged], whole.take(judged), note)

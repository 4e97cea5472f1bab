"""The same rows in other parts: what was opened, split and prepared anew, as for folds or for training on all rows."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tailtune.data.by_time import by_time
from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.splits import split_hash, stratified
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

Indices = NDArray[np.int64]


def all_rows(dataset: Dataset) -> Part:
    """Return the training, validation and test rows of an opened data set as one part, in this order."""
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.joined(part)
    frames = [part.frame for part in parts if part.frame is not None]
    if len(frames) == len(parts) and whole.frame is None:  # tables of several files, with columns of their own
        import polars as pl

        whole = replace(whole, frame=pl.concat(frames, how="diagonal_relaxed"))
    return whole


def resplit(reading: Reading, dataset: Dataset, rows: Part, train: Indices, test: Indices) -> Dataset:
    """Return the data set that trains on `train` and tests on `test`, prepared as `dataset` was.

    Validation rows are split from the training rows where the selection wants them, whole groups at a time where there
    are groups; everything that preprocessing learns is learnt from the remaining training rows alone.

    Args:
        reading: how the data were read.
        dataset: as it was opened.
        rows: all of its rows, see `all_rows`.
        train: positions of rows to train and validate on; each class must have one.
        test: positions of rows to test on.

    Raises:
        TailtuneError: a table of which the rows as they were read were not kept, or whose classes do not come out the
            same from fewer rows.
    """
    if dataset.kind == "image":
        return _pictures(reading, dataset, rows, train, test)
    fitted = cast("TablePreprocessor", dataset.preprocessor)
    if rows.frame is None or fitted.target is None:
        raise TailtuneError(f"{dataset.source} keeps no rows as they were read, so it cannot be split anew")
    table = Rows(rows.frame, rows.ids, dataset.source)
    made = table_dataset(reading, fitted.target, table.take(train), test=table.take(test))
    if made.names != (dataset.labels or dataset.names):
        raise TailtuneError(f"{dataset.source}: fewer rows have other classes, so it cannot be split anew")
    return _like(dataset, made)


def _pictures(reading: Reading, dataset: Dataset, rows: Part, train: Indices, test: Indices) -> Dataset:
    fraction = reading.val_fraction if reading.selection in ("validation", "refit") else 0.0
    learnt, groups = rows.take(train), None if rows.groups is None else rows.groups[train]
    if learnt.times is not None and fraction:
        inner = by_time(learnt.times, 0.0, fraction, groups)
    else:
        inner = stratified(learnt.targets.numpy(), 0.0, fraction, groups=groups, seed=reading.split_seed)
    val = learnt.take(inner.val) if len(inner.val) else None
    learnt, tested = learnt.take(inner.train), rows.take(test)
    found = ImagePreprocessor.fit(learnt.inputs[0])
    preprocessor = replace(cast("ImagePreprocessor", dataset.preprocessor), mean=found.mean, std=found.std)
    ids = (learnt.ids, None if val is None else val.ids, tested.ids)
    made = replace(dataset, train=learnt, val=val, test=tested, preprocessor=preprocessor, split_hash=split_hash(*ids))
    return _like(dataset, made)


def _like(dataset: Dataset, made: Dataset) -> Dataset:
    """Return `made` with what is known of the data whichever the split is."""
    return replace(
        made,
        source=dataset.source,
        names=dataset.names,
        labels=dataset.labels,
        positive=dataset.positive,
        flip=dataset.flip,
        headline=dataset.headline,
        deployment=dataset.deployment,
        class_weights=dataset.class_weights,
        left_out=dataset.left_out,
        warnings=dataset.warnings,
    )

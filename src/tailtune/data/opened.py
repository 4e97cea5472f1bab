"""Data sets that were read lately, kept for the next run on the same rows: reading can take longer than training."""

from __future__ import annotations

from dataclasses import fields, replace

from tailtune.data.class_rows import with_class_rows
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.settings import Reading

KEPT = 2**28  # bytes of data sets besides the last one, such as the splits of a study's seeds
_kept: dict[Reading, Dataset] = {}  # the last one used at the end


def opened(reading: Reading) -> Dataset:
    """Return the data set of a reading, or of a run; what cannot be opened raises a TailtuneError."""
    asked = Reading(**{field.name: getattr(reading, field.name) for field in fields(Reading)})
    return with_class_rows(_opened(replace(asked, class_rows=())), asked)  # runs on parts of the rows share the whole


def _opened(reading: Reading) -> Dataset:
    found = _kept.pop(reading) if reading in _kept else open_dataset(reading)
    left = KEPT - _size(found)
    for other in reversed([*_kept]):
        left -= _size(_kept[other])
        if left < 0:
            del _kept[other]
    _kept[reading] = found
    return found


def _size(dataset: Dataset) -> int:
    """Bytes of the rows in memory, encoded and as they were read."""
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    encoded = sum(getattr(x, "nbytes", 0) for part in parts for x in part.inputs)
    return encoded + sum(int(part.frame.estimated_size()) for part in parts if part.frame is not None)

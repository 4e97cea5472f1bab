"""Data sets that were read lately, kept for the next run on the same rows: reading can take longer than training."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from tailtune.data.class_rows import with_class_rows
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.files import naming_files
from tailtune.settings import Reading

KEPT = 2**28  # bytes of data sets besides the last one, such as the splits of a study's seeds
Stamp = tuple[tuple[str, int, int], ...]
_kept: dict[tuple[Reading, Stamp], Dataset] = {}  # the last one used at the end


def opened(reading: Reading) -> Dataset:
    """Return the data set of a reading, or of a run; what cannot be opened raises a TailtuneError."""
    asked = Reading(**{field.name: getattr(reading, field.name) for field in fields(Reading)})
    return with_class_rows(_opened(replace(asked, class_rows=())), asked)  # runs on parts of the rows share the whole


def stamp(reading: Reading) -> Stamp:
    """Return what changes with the files that `reading` names: name, time and size of each, and of what a folder holds.

    Folders of classes are not looked into: adding a picture or taking one away changes that of its class.

    Raises:
        TailtuneError: a folder that cannot be read.
    """
    data = Path(reading.data)
    with naming_files():
        within = sorted(data.iterdir()) if data.is_dir() and reading.manifest is None else []
        named = [data, *within, *([] if reading.manifest is None else [Path(reading.manifest)])]
        found = [(str(path), path.stat()) for path in named if path.exists()]
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in found)


def _opened(reading: Reading) -> Dataset:
    key = reading, stamp(reading)
    found = _kept.pop(key) if key in _kept else open_dataset(reading)
    left = KEPT - _size(found)
    for other in reversed([*_kept]):
        left -= _size(_kept[other])
        if left < 0:
            del _kept[other]
    _kept[key] = found
    return found


def _size(dataset: Dataset) -> int:
    """Bytes of the rows in memory, encoded and as they were read."""
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    encoded = sum(getattr(x, "nbytes", 0) for part in parts for x in part.inputs)
    return encoded + sum(int(part.frame.estimated_size()) for part in parts if part.frame is not None)

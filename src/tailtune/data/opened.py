"""The data set that was read last, kept for the next run on the same rows: reading can take longer than training."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

from tailtune.data.class_rows import with_class_rows
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.settings import Reading


def opened(reading: Reading) -> Dataset:
    """Return the data set of a reading, or of a run; what cannot be opened raises a TailtuneError."""
    asked = Reading(**{field.name: getattr(reading, field.name) for field in fields(Reading)})
    return with_class_rows(_opened(replace(asked, class_rows=())), asked)  # runs on parts of the rows share the whole


@lru_cache(maxsize=1)
def _opened(reading: Reading) -> Dataset:
    return open_dataset(reading)

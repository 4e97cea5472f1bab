"""The data set of a run, kept for the next run on the same rows: reading can take longer than training."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.settings import Reading, Run

READING = ("data", "ratio", "split_seed", *(field.name for field in fields(Reading)))  # what `open_dataset` looks at


def opened(run: Run) -> Dataset:
    """Return the data set of `run`; what cannot be opened raises a TailtuneError."""
    return _opened(Run(**{name: getattr(run, name) for name in READING}))


@lru_cache(maxsize=1)
def _opened(run: Run) -> Dataset:
    return open_dataset(run)

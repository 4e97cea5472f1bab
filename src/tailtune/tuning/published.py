"""Published tuned settings as a first trial: those of the data set that is most like the table at hand."""

from __future__ import annotations

from math import hypot, log
from typing import Any

from tailtune.data.dataset import Dataset
from tailtune.named_settings import home
from tailtune.paper.tabular_facts import COLUMNS, PUBLISHED, ROWS
from tailtune.tuning.spaces import OF_MODEL, Search, within


def nearest(rows: int, columns: int) -> str:
    """Return the data set whose numbers of rows and columns are nearest, both in the logarithm.

    >>> nearest(3_000, 20), nearest(50_000, 90), nearest(2_000_000, 30)
    ('adult', 'otto', 'covertype')
    """
    return min(ROWS, key=lambda name: hypot(log(rows / ROWS[name]), log(columns / COLUMNS[name])))


def published(search: Search, dataset: Dataset) -> tuple[str, dict[str, Any]] | None:
    """Return the name of that data set and what was published of it for the model of `search`, within its ranges.

    Sizes and rates of trees are taken over, and sizes and dropout of networks. Their learning rates, decays and batch
    sizes are not: those are of AdamW without weight average, and belong to another routine than ours.

    Returns:
        None where nothing was published of this model, or nothing that is searched.
    """
    name = nearest(len(dataset.train), max(1, sum(int(x.shape[1]) for x in dataset.train.tensors("a search"))))
    known = PUBLISHED[name].get(home(search.name))
    if known is None:
        return None
    settings = {OF_MODEL + key: value for key, value in known.model.items()}
    moved = {key: within(search.space[key], value) for key, value in settings.items() if key in search.space}
    return (name, moved) if moved else None

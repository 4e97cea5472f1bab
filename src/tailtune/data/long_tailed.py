"""Which data take a ratio: some named image sets, and functions that say that they make their rows imbalanced."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tailtune.by_name import is_own, load_function
from tailtune.data.catalog import LONG_TAILED

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

Reader = Callable[["Reading"], "Dataset"]


def long_tailed(reader: Reader) -> Reader:
    """Mark a function that reads data as one that heeds the reading's ratio, so that studies may vary it.

    Args:
        reader: called with the reading; returns a data set that is as imbalanced as its ``ratio`` says, for which
            `tailtune.data.imbalance.imbalance` chooses rows.
    """
    reader.long_tailed = True  # type: ignore[attr-defined]
    return reader


def takes_ratio(data: str) -> bool:
    """Whether a ratio makes the data that `data` names imbalanced; other data are taken as they are.

    Raises:
        TailtuneError: a function that does not exist or cannot be loaded.

    >>> takes_ratio("cifar10"), takes_ratio("adult"), takes_ratio("table.csv")
    (True, False, False)
    """
    return data in LONG_TAILED or (is_own(data) and getattr(load_function(data, "data set"), "long_tailed", False))

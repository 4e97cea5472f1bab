"""Accuracy of classes with few, medium and many training rows, as in Table 5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailtune.paper.classes import recalls
from tailtune.paper.page import Row
from tailtune.profile import FEW, MANY


def by_shots(row: Row) -> tuple[float | None, float | None, float | None]:
    """Mean recall of classes with under 20, 20 to 100 and over 100 training rows; None where there is no such class.

    >>> by_shots({"recalls": "0.9 0.7 0.5", "sizes": "500 101 100"})
    (None, 0.5, 0.8)
    """
    found, sizes = recalls(row), np.array([int(value) for value in str(row["sizes"]).split()])
    groups = (sizes < FEW, (sizes >= FEW) & (sizes <= MANY), sizes > MANY)
    few, medium, many = (float(np.round(found[group].mean(), 6)) if group.any() else None for group in groups)
    return few, medium, many


def shot_counts(row: Row) -> tuple[int, int, int]:
    """How many classes have few, medium and many training rows."""
    sizes = [int(value) for value in str(row["sizes"]).split()]
    few, many = sum(size < FEW for size in sizes), sum(size > MANY for size in sizes)
    return few, len(sizes) - few - many, many


def shots_of(rows: Sequence[Row], group: int) -> list[float]:
    """The accuracy of one of the three groups, a seed each, where it has classes."""
    found = (by_shots(row)[group] for row in rows)
    return [value for value in found if value is not None]

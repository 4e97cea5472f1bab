"""What the studies of a table or figure would take, with the epochs that patience is expected to spare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tailtune.study.estimate import Cost


def expected(cost: Cost, used: Mapping[str, float]) -> Cost:
    """Return `cost` where arms take only a share of their epochs.

    Args:
        cost: with all epochs.
        used: the shares, by arm.
    """
    rows = tuple(
        row if row.seconds is None else replace(row, seconds=row.seconds * used.get(row.arm, 1.0)) for row in cost.rows
    )
    seconds = sum((row.seconds or 0.0) * (row.runs - row.cached + row.trials) for row in rows)
    return replace(cost, rows=rows, hours=seconds / cost.jobs / 3600)

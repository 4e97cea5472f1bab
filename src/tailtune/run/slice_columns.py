"""The columns that rows are sliced by, found among those that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tailtune.data.table_dataset import require_column
from tailtune.errors import TailtuneError
from tailtune.evaluation.levels import Levels, levels_of

if TYPE_CHECKING:
    import polars as pl


def slice_columns(names: Sequence[str], frame: pl.DataFrame | None, where: str) -> dict[str, Levels]:
    """Return the levels of the rows by each of the columns.

    Args:
        names: of the columns.
        frame: the rows as they were read, or None where there is nothing but pictures.
        where: what messages call them.

    Raises:
        TailtuneError: there are no columns, or there is none of that name, or its values are no plain ones.
    """
    if not names:
        return {}
    if frame is None:
        raise TailtuneError(
            f"--slice {names[0]} needs a column, and {where} has none; give a table, or a manifest of the pictures"
        )
    for name in names:
        require_column(name, frame.columns, where, "column to slice by")
    return {name: levels_of(frame[name]) for name in names}

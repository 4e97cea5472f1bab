"""Covertype: 581,012 patches of forest in 7 kinds of cover, 10 numbers and two categories each, 0.5 % of the rarest.

The file is covtype.data or covtype.data.gz of the UCI repository, in data_root/covertype or data_root. Its 44 columns
of 0 and 1 are two categories, wilderness area and soil type, and are read as such. Where that file is not there, a part
of the rows is read from covtype_subset.parquet, and a warning says how many. Test rows are split off; the protocol of
the tabular literature takes 20 % of all rows for them, and 20 % of the others for validation: --val-fraction 0.2.
Headline metric: accuracy.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tailtune.data.catalog.listed_files import data_root
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.tables import read_table
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import polars as pl

    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

FILES = ("covtype.data", "covtype.data.gz")
SUBSET = "covtype_subset.parquet"
ROWS = 581_012
TARGET = "Cover_Type"
NUMBERS = (
    "Elevation",
    "Aspect",
    "Slope",
    "Horizontal_Distance_To_Hydrology",
    "Vertical_Distance_To_Hydrology",
    "Horizontal_Distance_To_Roadways",
    "Hillshade_9am",
    "Hillshade_Noon",
    "Hillshade_3pm",
    "Horizontal_Distance_To_Fire_Points",
)
CATEGORIES = {"Wilderness_Area": 4, "Soil_Type": 40}  # in the file so many columns of 0 and 1 each


def load(reading: Reading) -> Dataset:
    """Read all rows, or the part of them that is there.

    Args:
        reading: `data_root` (or $TAILTUNE_DATA) names the folder.

    Returns:
        The data set.

    Raises:
        TailtuneError: no file, or one with other columns.
    """
    root = data_root(reading)
    path = _file(root)
    frame = _subset(path) if path.name == SUBSET else _official(path)
    rows = Rows(frame.select(*NUMBERS, *CATEGORIES, TARGET), row_numbers(frame.height, f"{path.name}:"), str(path))
    target = reading.target or TARGET
    dataset = table_dataset(reading, target, rows)
    warnings = dataset.warnings
    if frame.height < ROWS:
        warnings = (f"{path} holds {frame.height:,} of the {ROWS:,} rows of Covertype.", *warnings)
    return replace(dataset, headline="accuracy" if target == TARGET else None, warnings=warnings)


def _file(root: Path) -> Path:
    for name in (*FILES, SUBSET):
        for place in (root / "covertype" / name, root / name):
            if place.is_file():
                return place
    raise TailtuneError(
        f"covtype.data is neither in {root / 'covertype'} nor in {root}; put it, or covtype.data.gz, of the UCI "
        "repository (archive.ics.uci.edu, data set Covertype) there"
    )


def _official(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        frame = pl.read_csv(io.BytesIO(content), has_header=False, infer_schema_length=1000)
    except (OSError, EOFError, pl.exceptions.PolarsError) as error:
        raise TailtuneError(f"{path} cannot be read ({' '.join(str(error).split())[:80]}); fetch it again") from error
    flags = sum(CATEGORIES.values())
    if frame.width != len(NUMBERS) + flags + 1:
        raise TailtuneError(f"{path} has {frame.width} columns instead of {len(NUMBERS) + flags + 1}; fetch it again")
    columns = frame.columns
    made = [pl.col(old).alias(new) for old, new in zip(columns, NUMBERS, strict=False)]
    at = len(NUMBERS)
    for name, count in CATEGORIES.items():
        which = sum(((i + 1) * pl.col(column) for i, column in enumerate(columns[at : at + count])), pl.lit(0))
        made.append(_named(which, name))
        at += count
    return frame.select([*made, pl.col(columns[-1]).cast(pl.String).alias(TARGET)])


def _subset(path: Path) -> pl.DataFrame:
    import polars as pl

    frame = read_table(path)
    missing = {*NUMBERS, *CATEGORIES, TARGET} - {*frame.columns}
    if missing:
        raise TailtuneError(f"{path} lacks the column {min(missing)} of Covertype; put covtype.data in its place")
    return frame.with_columns([*(_named(pl.col(name), name) for name in CATEGORIES), pl.col(TARGET).cast(pl.String)])


def _named(number: pl.Expr, name: str) -> pl.Expr:
    """Words for numbers that are names, so that they are read as a category."""
    import polars as pl

    return (pl.lit(f"{name.split('_')[0].lower()} ") + number.cast(pl.String)).alias(name)

"""Adult: census income above 50,000 dollars or not, 32,561 training and 16,281 official test rows, 24 % positive.

The files are those of the UCI repository: adult.data and adult.test, in data_root or in its folder adult. Missing
values are "?"; nothing is dropped: education and education-num say the same in two ways, fnlwgt is a sampling weight,
and the protocol of the tabular literature keeps them all. Headline metric: accuracy.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.tables import parse_csv
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

FILES = ("adult.data", "adult.test")
TARGET = "income"
COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    TARGET,
)


def load(reading: Reading) -> Dataset:
    """Read the official training and test rows.

    Args:
        reading: `data_root` (or $TAILTUNE_DATA) names the folder; the target is income unless it names another column.

    Returns:
        The data set with the official test rows; validation rows, if wanted, are split from the training rows.

    Raises:
        TailtuneError: no such files; the message says which to put where.
    """
    folder = _folder(reading.data_root or os.environ.get("TAILTUNE_DATA"))
    train, test = (_rows(folder / name) for name in FILES)
    target = reading.target or TARGET
    dataset = table_dataset(reading, target, train, test=test, split="official")
    return replace(dataset, headline="accuracy" if target == TARGET else None)


def _folder(root: str | None) -> Path:
    if root is None:
        raise TailtuneError(
            "adult is read from files: put adult.data and adult.test of the UCI repository into a folder and name it "
            "with --data-root or $TAILTUNE_DATA"
        )
    places = [Path(root) / "adult", Path(root)]
    for place in places:
        if all((place / name).is_file() for name in FILES):
            return place
    raise TailtuneError(
        f"adult.data and adult.test are neither in {places[0]} nor in {places[1]}; put these two files of the UCI "
        "repository (archive.ics.uci.edu, data set Adult) there"
    )


def _rows(path: Path) -> Rows:
    import polars as pl

    # no header line, blank lines at the end; the test file begins with a comment and ends its labels with a point
    lines = [line for line in path.read_bytes().splitlines() if line.strip() and not line.startswith(b"|")]
    frame = parse_csv(b"\n".join([",".join(COLUMNS).encode(), *lines]), str(path))
    income = pl.col(TARGET).str.strip_chars().str.strip_suffix(".")
    return Rows(frame.with_columns(income), row_numbers(frame.height, f"{path.name}:"), str(path))

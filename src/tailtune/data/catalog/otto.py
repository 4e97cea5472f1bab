"""Otto: 61,878 products of a shop in 9 groups, 93 counts each; train.csv of the Kaggle competition of 2015.

The file train.csv lies in data_root/otto. The labels of Kaggle's own test rows were never given out, so test rows are
split from it; the protocol of the tabular literature takes 20 % of all rows for them, and 20 % of the others for
validation: --val-fraction 0.2. Headline metric: accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tailtune.data.catalog.listed_files import data_root
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.tables import read_table
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

FILE = "train.csv"
TARGET = "target"
COLUMNS = ("id", *(f"feat_{i}" for i in range(1, 94)), TARGET)


def load(reading: Reading) -> Dataset:
    """Read the rows of train.csv; `id`, which numbers them, is no input.

    Args:
        reading: `data_root` (or $TAILTUNE_DATA) names the folder that holds the folder otto.

    Returns:
        The data set.

    Raises:
        TailtuneError: no such file, or one with other columns.
    """
    path = data_root(reading) / "otto" / FILE
    if not path.is_file():
        raise TailtuneError(f"{path} does not exist; put train.csv of Kaggle's Otto competition there")
    frame = read_table(path)
    if tuple(frame.columns) != COLUMNS:
        raise TailtuneError(f"{path} has other columns than train.csv of Otto (id, feat_1 to feat_93, target)")
    target = reading.target or TARGET
    rows = Rows(frame.drop("id"), row_numbers(frame.height, f"{FILE}:"), str(path))
    return replace(table_dataset(reading, target, rows), headline="accuracy" if target == TARGET else None)

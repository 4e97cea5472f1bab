"""A data set of a person's own: what a function of theirs returns, as any other data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tailtune.by_name import load_function, naming
from tailtune.data.arrays import dataset_of_arrays
from tailtune.data.dataset import Dataset
from tailtune.data.frames import to_frame
from tailtune.data.npz import array_name
from tailtune.data.table_dataset import Rows, table_dataset, target_column
from tailtune.data.table_preprocessor import row_numbers
from tailtune.errors import TailtuneError
from tailtune.settings import Reading


def open_own(reading: Reading) -> Dataset:
    """Call the function that ``reading.data`` names with the reading, and open what it returns.

    Args:
        reading: `data` is file.py:function or package.module:function. The function returns a mapping of arrays as an
            .npz file holds them (x and y, or x_train, y_train, x_test, y_test), a polars or pandas frame with the
            column that `target` names, or a `Dataset`.

    Returns:
        The data set; parts that are not given are split from its training rows.

    Raises:
        TailtuneError: no such function, one that fails or returns something else, or anything wrong with the data.
    """
    name = reading.data
    function = load_function(name, "data set")
    with naming(name, "data set"):
        found = function(reading)
    if isinstance(found, Dataset):
        return found
    if isinstance(found, Mapping) and all(isinstance(key, str) for key in found):
        return dataset_of_arrays(reading, {array_name(key): np.asarray(array) for key, array in found.items()}, name)
    if not hasattr(found, "columns"):
        raise TailtuneError(
            f"{name} must return arrays by their names (x and y, or x_train, y_train and so on), a frame or a Dataset, "
            f"however: {type(found).__name__}"
        )
    frame = to_frame(found)
    return table_dataset(reading, target_column(reading, frame, name), Rows(frame, row_numbers(frame.height), name))

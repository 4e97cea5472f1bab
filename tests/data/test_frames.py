from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from tailtune.data.frames import to_frame
from tailtune.errors import TailtuneError


def test_polars_frames_pass_through():
    frame = pl.DataFrame({"a": [1]})
    assert to_frame(frame) is frame
    assert to_frame(frame.lazy()).equals(frame)


def test_pandas_frames_keep_names_types_and_missing_values():
    table = pd.DataFrame(
        {
            "float": [1.5, None],
            "text": ["x", None],
            "category": pd.Categorical(["u", None]),
            "time": pd.to_datetime(["2020-01-02", None]),
            "whole": pd.array([1, None], dtype="Int64"),
            "flag": pd.array([True, None], dtype="boolean"),
            "mixed": [1, "x"],
            7: [1, 2],
        },
        index=[5, 6],
    )
    frame = to_frame(table)
    assert frame.columns == ["float", "text", "category", "time", "whole", "flag", "mixed", "7"]
    assert frame.row(0) == (1.5, "x", "u", datetime.datetime(2020, 1, 2), 1, True, "1", 1)
    assert frame.drop("float", "mixed", "7").row(1) == (None,) * 5
    assert frame["whole"].dtype == pl.Int64


def test_arrays_get_names():
    frame = to_frame(np.array([[1.0, 2.0], [3.0, np.nan]]))
    assert frame.columns == ["f0", "f1"]
    assert frame["f0"].to_list() == [1.0, 3.0]
    assert to_frame(np.ones((2, 2), dtype=np.float16))["f0"].dtype == pl.Float64
    assert to_frame(np.array([["a", "b"]])).row(0) == ("a", "b")
    assert to_frame(np.array([[b"a"]])).row(0) == ("a",)


def test_object_columns_get_the_type_that_holds_their_values():
    rows = [[1, 2.5, None, "x", True, 2**70], [2, 3, float("nan"), None, False, 1]]
    for X in (rows, np.array(rows, dtype=object)):
        frame = to_frame(X)
        assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "Float64", "String", "String", "Boolean", "Float64"]
        assert frame["f1"].to_list() == [2.5, 3.0]
        assert frame["f3"].to_list() == ["x", None]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.arange(3), "Expected 2D array, got 1D array instead"),
        ([1, 2, 3], "Reshape your data"),
        (np.zeros((2, 2, 2)), "got 3D"),
        (np.array([[1j]]), "Complex data not supported"),
        ([[1, 2], [3]], "one length"),
        (sparse.csr_matrix((2, 2)), "sparse"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column is called 'a'"),
    ],
)
def test_what_is_no_table_is_refused(X, message):
    with pytest.raises(TailtuneError, match=message):
        to_frame(X)

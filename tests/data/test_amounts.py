"""Columns that costs depend on: read as they are, kept beside the inputs of every part, and refused where unusable."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tailtune.data.amounts import Amounts, read_amounts
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

IDS = row_numbers(3)


def frame(*amount: object) -> pl.DataFrame:
    return pl.DataFrame({"amount": list(amount), "fee": [1, 2, 3]}, strict=False)


def test_columns_are_read_in_the_order_of_their_names() -> None:
    found = read_amounts(frame("1.5", " 20", "3e2"), ("fee", "amount"), IDS)
    assert found.names == ("fee", "amount")
    assert found.values.tolist() == [[1.0, 1.5], [2.0, 20.0], [3.0, 300.0]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1.0, None, 2.0), r"which has no value in row 2 \(1 of 3 rows\); write 0 or more"),
        ((1.0, -2.0, -2.0), r"which is negative in row 2 \(2 of 3 rows\)"),
        (("1", "2", "much"), "however: 'much' in row 3; write a number"),
        ((1.0, 2.0, float("inf")), "is infinite in row 3"),
    ],
)
def test_what_is_no_amount_is_refused(values: tuple[object, ...], words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        read_amounts(frame(*values), ("amount",), IDS)


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(TailtuneError, match=r"a\.csv has no column 'amout', .* Did you mean 'amount'\?"):
        read_amounts(frame(1, 2, 3), ("amout",), IDS, "a.csv")


def test_amounts_follow_their_rows() -> None:
    held = Amounts(("amount",), np.arange(4.0)[:, None])
    assert held.take(np.array([3, 1])).joined(held.take(held.values[:, 0] > 2)).values.ravel().tolist() == [3, 1, 3]


@pytest.mark.parametrize("ignore", [(), ("amount",)])
def test_every_part_has_the_amounts_of_its_rows_whether_or_not_they_are_an_input(ignore: tuple[str, ...]) -> None:
    n = 60
    rows = pl.DataFrame({"x": np.arange(n) % 7, "amount": np.arange(n) + 0.5, "y": ["a", "b", "b"] * (n // 3)})
    reading = Reading("rows", target="y", ignore=ignore, amounts=("amount",))
    data = table_dataset(reading, "y", Rows(rows, row_numbers(n), "rows"))
    assert data.val is not None
    for part in (data.train, data.val, data.test, data.train.joined(data.val)):
        assert part.amounts is not None
        np.testing.assert_array_equal(part.amounts.values[:, 0], part.ids.astype(int) - 0.5)
    assert data.train.inputs[0].shape[1] == 2 - len(ignore)

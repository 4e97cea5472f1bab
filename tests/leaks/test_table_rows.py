"""Rows of a table that are another row again, against constructed copies and rows that are alike by chance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.leaks.table_rows import alike_rows


def numbers(rows: int, seed: int = 0, columns: int = 8) -> pl.DataFrame:
    """Continuous columns and a category."""
    rng = np.random.default_rng(seed)
    values = {f"x{j}": rng.normal(size=rows) for j in range(columns)}
    return pl.DataFrame(values | {"site": rng.choice(["north", "south", ""], rows)})


def test_copied_rows_are_identical_and_no_chance() -> None:
    train, test = numbers(500), numbers(100, 1)
    rows = alike_rows(train, pl.concat([test, train[[3, 499]]]))
    assert rows.identical.tolist() == [-1] * 100 + [3, 499]
    assert (rows.near == -1).all()
    assert np.flatnonzero(rows.surprising).tolist() == [100, 101]


def test_rows_that_differ_in_one_column_or_in_late_digits_are_near() -> None:
    train = numbers(500)
    other = train[:2].with_columns(pl.Series("x3", [17.0, 18.0]))
    rounded = train[2:4].with_columns((pl.col("x0") * (1 + 1e-7)), (pl.col("x1") * (1 + 1e-7)))
    missing = train[4:5].with_columns(pl.lit(None, dtype=pl.Float64).alias("x5"))
    two = train[5:6].with_columns(pl.lit(0.5).alias("x5"), pl.lit(0.5).alias("x6"))
    rows = alike_rows(train, pl.concat([other, rounded, missing, two]))
    assert (rows.identical == -1).all()
    assert rows.near.tolist() == [0, 1, 2, 3, 4, -1]
    assert rows.surprising.tolist() == [True] * 5 + [False]


def test_identical_rows_of_coarse_columns_are_chance() -> None:
    rng = np.random.default_rng(0)

    def people(rows: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "age": rng.integers(20, 60, rows),
                "sex": rng.choice(["f", "m"], rows),
                "hours": rng.choice([20, 40, 40, 40, 50], rows),
                "trade": rng.choice(list("abcdefgh"), rows),
            }
        )

    rows = alike_rows(people(5000), people(1000))
    assert (rows.identical >= 0).sum() > 300
    assert not rows.surprising.any()


def test_how_a_frame_keeps_its_columns_does_not_matter() -> None:
    train = numbers(200)
    kept = train.with_columns(pl.col("site").cast(pl.Categorical), pl.col("x1").cast(pl.String))
    assert alike_rows(kept, train[[5]], numeric={"x1"}).identical.tolist() == [5]
    assert alike_rows(train, kept[[5]].select(reversed(kept.columns)), numeric={"x1"}).identical.tolist() == [5]


def test_missing_values_are_values() -> None:
    train = numbers(100).with_columns(pl.lit(None, dtype=pl.Float64).alias("x0"), pl.lit(None).alias("void"))
    rows = alike_rows(train, train[[9]])
    assert rows.identical.tolist() == [9]
    assert rows.surprising.all()


@pytest.mark.parametrize(("train", "test"), [(0, 3), (1, 1), (5, 0)])
def test_few_rows_are_borne(train: int, test: int) -> None:
    rows = alike_rows(numbers(train), numbers(test))
    assert (rows.identical >= 0).sum() == min(train, test)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=12), st.data())
def test_against_comparing_every_pair(values: list[tuple[int, ...]], data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=6))
    names = ["a", "b", "c", "d"]
    rows = alike_rows(pl.DataFrame(values, names, orient="row"), pl.DataFrame(asked, names, orient="row"))
    for row, same, near in zip(asked, rows.identical, rows.near, strict=True):
        apart = [sum(a != b for a, b in zip(row, known, strict=True)) for known in values]
        assert (same >= 0) == (min(apart) == 0)
        assert (near >= 0) == (min(apart) == 1)
        if max(same, near) >= 0:
            assert apart[max(same, near)] == min(apart)

"""What a column holds and why it is suspicious, against sums done by hand and SciPy."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2_contingency

from tailtune.data.open import open_dataset
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.leaks.column_overview import (
    ColumnOverview,
    Halves,
    missing_by_class,
    overview,
    sentinel,
    single_column_auc,
    suspicious,
)
from tailtune.settings import Reading

N = 600


@pytest.fixture(scope="module")
def columns() -> dict[str, ColumnOverview]:
    rng = np.random.default_rng(0)
    rare = rng.random(N) < 0.15
    lab = np.where(rng.random(N) < np.where(rare, 0.05, 0.5), np.nan, rng.normal(size=N))
    frame = pl.DataFrame({
        "row": np.arange(1000, 1000 + N),
        "age": rng.integers(18, 90, N),
        "code": np.where(rare, rng.choice(["x7", "x9"], N), rng.choice(["a1", "b2", "c3"], N)),
        "score": np.where(rare, 2.0, 0.0) + rng.random(N),
        "lab": lab,
        "site": ["north"] * N,
        "nothing": [None] * N,
        "note": [f"patient {i} seen" for i in range(N)],
        "when": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(N)],
        "smoker": rng.choice(["yes", "no"], N),
        "tags": [[1, 2]] * N,
        "y": np.where(rare, "rare", "common"),
    }).with_columns(pl.col("lab").fill_nan(None))  # fmt: skip
    dataset = table_dataset(Reading("t", target="y"), "y", Rows(frame, row_numbers(N), "t"))
    return {column.name: column for column in overview(dataset)}


@pytest.mark.parametrize(("name", "type", "used", "suspicion", "leaks"), [
    ("row", "identifier", True, "tells every row apart", False),
    ("age", "number", True, None, False),
    ("code", "category", True, "by itself nearly tells the class (AUC 1.000", True),
    ("score", "number", True, "by itself nearly tells the class", True),
    ("lab", "number", True, "lacks a value in", False),
    ("site", "constant", False, "is constant", False),
    ("nothing", "constant", False, "has no value", False),
    ("note", "identifier", False, "tells every row apart", False),
    ("when", "date", True, None, False),
    ("smoker", "category", True, None, False),
    ("tags", "text", False, None, False),
])  # fmt: skip
def test_what_a_column_is(
    columns: dict[str, ColumnOverview], name: str, type: str, used: bool, suspicion: str | None, leaks: bool
) -> None:
    column = columns[name]
    assert (column.type, column.used, column.leaks) == (type, used, leaks)
    assert len(column.suspicions) == (suspicion is not None)
    assert suspicion is None or column.suspicions[0].startswith(suspicion)


def test_counts_are_those_of_the_training_rows(columns: dict[str, ColumnOverview]) -> None:
    assert "y" not in columns
    rows = columns["age"].rows
    assert rows < N  # the rest is for validation and test
    assert columns["nothing"].missing == rows
    assert columns["lab"].levels == rows - columns["lab"].missing
    assert columns["when"].holds == "2024-01-01 to 2024-12-28"
    assert columns["smoker"].levels == 2
    assert sum(map(int, re.findall(r"\((\d+)\)", columns["smoker"].holds))) == rows
    assert [column.name for column in suspicious(tuple(columns.values()))] == ["row", "code", "score", "lab"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-999, *range(18, 91)], -999),
        ([*range(18, 91), 9999], 9999),
        ([*range(18, 91), 99], None),
        ([-1, *range(30)], None),
        ([0.5, 0.7, 500], None),
        ([1, 999], None),
    ],
)
def test_a_number_of_nines_far_from_all_others_may_mean_missing(values: list[float], expected: float | None) -> None:
    sizes = np.full(len(values), 7)
    assert sentinel(np.array(values, dtype=np.float64), sizes) == expected
    assert sentinel(np.array(values, dtype=np.float64), sizes - 4) is None


def test_images_have_no_columns() -> None:
    assert overview(open_dataset(Reading("digits", ratio=0.1))) == ()


def test_a_column_of_noise_tells_nothing_and_a_threshold_everything() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random(4000) < 0.02).astype(np.int64)
    never = np.zeros(4000, dtype=bool)
    noise = single_column_auc(rng.normal(size=4000), never, Halves.of(targets))
    assert noise is not None
    assert abs(noise - 0.5) < 0.1
    assert single_column_auc(targets + rng.random(4000), never, Halves.of(targets)) > 0.99  # type: ignore[operator]
    absent = targets == 1  # missing where the class is rare: this tells it too
    assert single_column_auc(np.where(absent, np.nan, rng.random(4000)), absent, Halves.of(targets)) == 1
    assert single_column_auc(rng.random(4000), never, Halves.of(np.zeros(4000, dtype=np.int64))) is None
    texts = rng.permutation(4000).astype(str)  # every text another: those held out were never seen
    assert single_column_auc(texts, never, Halves.of(targets)) == pytest.approx(0.5)


def test_missing_by_class_agrees_with_a_chi_squared_test() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for gap in np.linspace(0, 0.4, 30):
        targets = rng.integers(0, 3, 300)
        absent = rng.random(300) < 0.2 + gap * (targets == 2)
        lacking, rows = np.bincount(targets, weights=absent), np.bincount(targets)
        p = chi2_contingency(np.stack([lacking, rows - lacking])).pvalue
        wide = np.ptp(lacking / rows) >= 0.1
        assert (missing_by_class(absent, targets) is not None) == (p < 1e-3 and wide)
        found += missing_by_class(absent, targets) is not None
    assert 0 < found < 30
    assert missing_by_class(np.zeros(9, dtype=bool), np.arange(9) % 2) is None
    assert missing_by_class(np.arange(30) < 9, np.repeat([0, 1], [9, 21])) is None  # 9 rows of a class are too few

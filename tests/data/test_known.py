"""Groups, times and weights of tables: how they are read, what they do to the parts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tailtune.data.dataset import Dataset
from tailtune.data.known import KnownBy, read_known
from tailtune.data.open import open_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.decision.deployment import train_balance
from tailtune.errors import TailtuneError
from tailtune.run.learners import fit_model
from tailtune.settings import Reading, Run

DAYS = [date(2023, 12, 1) + timedelta(days=i) for i in range(60)]


def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "height": rng.standard_normal(60),
            "label": [("no", "yes")[i % 3 == 0] for i in range(60)],
            "day": DAYS,
            "customer": [f"c{i // 5}" for i in range(60)],
            "count": [float(1 + i % 4) for i in range(60)],
        }
    )


def opened(tmp_path: Path, frame: pl.DataFrame, **changes: Any) -> Dataset:
    frame.write_parquet(tmp_path / "rows.parquet")
    return open_dataset(Reading(data=str(tmp_path / "rows.parquet"), target="label", **changes))


SPELLINGS: dict[str, Callable[[date], Any]] = {
    "dates": lambda day: day,
    "datetimes": lambda day: datetime(day.year, day.month, day.day, 12),
    "ISO text": lambda day: day.isoformat(),
    "ISO text with a time": lambda day: f"{day.isoformat()} 08:30:00",
    "days first": lambda day: f"{day.day}.{day.month}.{day.year}",
    "whole numbers": lambda day: day.toordinal(),
    "numbers": lambda day: day.toordinal() + 0.5,
    "numbers as text": lambda day: str(day.toordinal()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_latest_rows_test_however_times_are_written(tmp_path: Path, spelling: str) -> None:
    order = np.random.default_rng(1).permutation(60)
    frame = table()[order].with_columns(pl.Series("day", [SPELLINGS[spelling](DAYS[i]) for i in order], strict=False))
    dataset = opened(tmp_path, frame, time="day", test_fraction=0.2, val_fraction=0.25)
    assert dataset.split == "by time"
    assert dataset.val is not None
    for part, begin, end in ((dataset.train, 0, 36), (dataset.val, 36, 48), (dataset.test, 48, 60)):
        assert sorted(order[part.ids.astype(int) - 1].tolist()) == list(range(begin, end))
    assert any(said.startswith("Split by time: trained on rows up to ") for said in dataset.warnings)
    assert [column.name for column in dataset.preprocessor.columns if column.name == "day"] == []  # type: ignore[attr-defined]


def test_later_rows_of_known_customers_are_left_out_and_said(tmp_path: Path) -> None:
    frame = table().with_columns(customer=pl.Series([f"c{min(i, 50) // 5}" for i in range(60)]))
    dataset = opened(tmp_path, frame, time="day", group="customer", test_fraction=0.25, val_fraction=0.2)
    parts = [dataset.train, dataset.val, dataset.test]
    groups = [set(part.groups.tolist()) for part in parts if part is not None and part.groups is not None]
    assert sum(map(len, groups)) == len(set.union(*groups))
    rows = sum(len(part) for part in parts if part is not None)
    (left,) = [left for left in dataset.left_out if "group" in left.what]
    assert left.what.split(" ", 1)[0] == str(60 - rows)
    assert any(f"{left.what} are left out" in said and "of 15 test rows stay" in said for said in dataset.warnings)


def test_a_class_of_the_future_alone_is_refused(tmp_path: Path) -> None:
    frame = table().with_columns(
        label=pl.when(pl.col("day") > date(2024, 1, 25)).then(pl.lit("new")).otherwise("label")
    )
    with pytest.raises(TailtuneError, match=r"class 'new' occurs only after 2024-01-10, where the training rows end"):
        opened(tmp_path, frame, time="day")


def test_a_given_test_part_from_before_is_said(tmp_path: Path) -> None:
    table()[:40].write_parquet(tmp_path / "test.parquet")
    table()[20:].write_parquet(tmp_path / "train.parquet")
    dataset = open_dataset(Reading(data=str(tmp_path), target="label", time="day", group="customer"))
    told = " ".join(dataset.warnings)
    assert "of 40 rows of" in told
    assert "are from before the last training row by 'day'" in told
    assert "shares 4 values of 'customer'" in told


def test_weights_are_those_of_the_rows_and_one_on_average_in_training(tmp_path: Path) -> None:
    dataset = opened(tmp_path, table(), weight="count")
    assert dataset.train.weights is not None
    assert float(dataset.train.weights.double().mean()) == pytest.approx(1.0)
    for part in (dataset.train, dataset.val, dataset.test):
        assert part is not None
        assert part.weights is not None
        assert part.frame is not None
        ratio = part.weights.numpy() / part.frame["count"].to_numpy()
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert "count" not in [column.name for column in dataset.preprocessor.columns]  # type: ignore[attr-defined]
    assert any("Rows count by 'count' in the loss" in said for said in dataset.warnings)


FIRST = pl.int_range(pl.len()) == 0


def bad(column: str, value: object, dtype: Any = pl.String) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda f: f.with_columns(
        pl.when(FIRST).then(pl.lit(value)).otherwise(pl.col(column).cast(dtype)).alias(column)
    )


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (bad("day", "soon"), {"time": "day"}, "time column 'day' has 'soon' in row 1, which is no time; write"),
        (bad("day", None), {"time": "day"}, "time column 'day' has no value in 1 of 60 rows, first in row 1"),
        (
            lambda f: f.with_columns(day=pl.format("{}/2/2024", 1 + FIRST.cast(pl.Int64))),
            {"time": "day"},
            "time column 'day' holds dates of which no day is above 12",
        ),
        (lambda f: f.with_columns(day=pl.lit(1)), {"time": "day"}, "the time column has 1 different value"),
        (lambda f: f, {"time": "dai"}, "has no time column 'dai'. Did you mean 'day'"),
        (lambda f: f, {"time": "label"}, "'label' is the target, so it cannot be the time"),
        (lambda f: f, {"weight": "cuont"}, "has no weight column 'cuont'. Did you mean 'count'"),
        (bad("count", -1.0, pl.Float64), {"weight": "count"}, "'count' has a negative value in 1 of 60 rows"),
        (bad("count", float("nan"), pl.Float64), {"weight": "count"}, "'count' has no value in 1 of 60 rows"),
        (bad("count", float("inf"), pl.Float64), {"weight": "count"}, "column 'count' is infinite in row 1"),
        (bad("count", "many"), {"weight": "count"}, "weight column 'count' has 'many' in row 1, which is no number"),
        (lambda f: f.with_columns(count=0), {"weight": "count"}, "weight column 'count' is 0 in all rows"),
        (
            lambda f: f.with_columns(count=(pl.col("label") == "no").cast(pl.Int64)),
            {"weight": "count"},
            "all training rows of class 'yes' have the weight 0",
        ),
        (lambda f: f, {"weight": "count", "keep": ("count",)}, "'count' is the weight, so it cannot be kept"),
        (lambda f: f, {"weight": "count", "group": "count"}, "both name the column 'count'"),
        (lambda f: f, {"group_pattern": "c[0-9]"}, "--group-pattern is for a folder of pictures"),
        (lambda f: f, {"time": "day", "group": "label"}, "'label' is the target, so it cannot be the group"),
        (
            lambda f: f.with_columns(customer=pl.lit("c")),
            {"time": "day", "group": "customer"},
            "all rows of the validation part are of groups that are trained on before",
        ),
    ],
)
def test_what_is_refused(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(TailtuneError, match=words) as caught:
        opened(tmp_path, change(table()), **options)
    assert "\n" not in str(caught.value)


def test_a_test_part_without_weights_is_refused(tmp_path: Path) -> None:
    table()[:40].write_parquet(tmp_path / "train.parquet")
    table()[40:].drop("count").write_parquet(tmp_path / "test.parquet")
    with pytest.raises(TailtuneError, match=r"test.parquet has no weight column 'count'"):
        open_dataset(Reading(data=str(tmp_path), target="label", weight="count"))


def test_a_part_of_what_is_known() -> None:
    known = read_known(table(), KnownBy("customer", "day", "count"), row_numbers(60), "rows")
    mask = np.arange(60) % 7 == 0
    for rows in (np.flatnonzero(mask), mask):
        some = known.take(rows)
        assert some.frame is not None
        assert some.groups is not None
        assert some.weights is not None
        assert some.groups.tolist() == some.frame["customer"].to_list()
        assert some.weights.tolist() == some.frame["count"].to_list()


def test_the_balance_of_training_is_by_weights_and_so_is_what_probabilities_are_meant_for(tmp_path: Path) -> None:
    dataset = opened(tmp_path, table(), weight="count")
    frame, names = dataset.train.frame, dataset.names
    assert frame is not None
    sums = [frame.filter(pl.col("label") == name)["count"].sum() for name in names]
    np.testing.assert_allclose(train_balance(dataset.profile), np.array(sums) / sum(sums), rtol=1e-6)
    assert dataset.profile.counts == tuple(frame.filter(pl.col("label") == name).height for name in names)
    run = Run(str(tmp_path / "rows.parquet"), target="label", weight="count", model="logistic-regression")
    fitted = fit_model(run, dataset)
    assert fitted is not None
    assert fitted.decided is not None
    np.testing.assert_allclose(fitted.decided.deployment, train_balance(dataset.profile))
    assert fitted.held_out is not None
    assert fitted.held_out.weights is not None
    stated = fit_model(replace(run, deploy_prior="uniform", decision="prior"), dataset)
    assert stated is not None
    trees, recalibration = stated.predictor.scores(dataset.test.inputs), stated.predictor.recalibration
    assert recalibration is not None
    moved = trees / train_balance(dataset.profile)  # from the balance of the weights, not from that of the rows
    np.testing.assert_allclose(recalibration(trees), moved / moved.sum(axis=1, keepdims=True), rtol=1e-5)

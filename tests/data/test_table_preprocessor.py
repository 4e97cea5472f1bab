from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.data.table_preprocessor import UNKNOWN, TablePreprocessor
from tailtune.errors import TailtuneError

N = 60


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "age": rng.normal(size=N),
            "income": [None if i % 7 == 0 else str(i % 13) for i in range(N)],
            "town": ["Rome", "Oslo", None, " Rome "] * (N // 4),
            "member": ["yes", "no"] * (N // 2),
            "since": [f"2020-{i % 12 + 1:02}-0{i % 9 + 1}" if i % 5 else "" for i in range(N)],
            "label": ["a", "b", "c"] * (N // 3),
        }
    )


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_encoding(frame):
    fitted = TablePreprocessor.fit(frame, target="label")
    numeric, categorical = fitted.encode(frame)
    assert fitted.numeric_names == (
        *("age", "income", "since.days", "since.month", "since.weekday"),
        *("income.missing", "since.missing"),
    )
    assert fitted.categorical_names == ("town", "member")
    assert fitted.shape() == {"numeric": 7, "cardinalities": [4, 3]}
    assert (numeric.dtype, categorical.dtype) == (torch.float32, torch.int64)
    assert categorical[:4].tolist() == [[2, 2], [1, 1], [3, 2], [2, 1]]  # Oslo 1, Rome 2, missing 3; no 1, yes 2
    assert numeric[:, 5].tolist() == [float(i % 7 == 0) for i in range(N)]
    assert numeric[:, 6].tolist() == [float(i % 5 == 0) for i in range(N)]
    assert abs(float(numeric[0, 1])) < 0.2  # a missing number is the median
    order = np.argsort(frame["age"].to_numpy())
    assert (np.diff(numeric[order, 0].numpy()) >= 0).all()
    assert abs(float(numeric[:, 0].median())) < 0.2


def test_unseen_and_newly_missing_values(frame):
    fitted = TablePreprocessor.fit(frame, target="label")
    new = frame.head(2).with_columns(
        town=pl.Series(["Bern", "oslo"]), member=pl.Series([None, "perhaps"]), age=pl.Series([None, 1e9])
    )
    numeric, categorical = fitted.encode(new)
    assert categorical.tolist() == [[UNKNOWN, UNKNOWN]] * 2
    assert abs(float(numeric[0, 0])) < 0.2
    assert float(numeric[1, 0]) == pytest.approx(5.199, abs=1e-3)


def test_columns_are_found_by_name(frame):
    fitted = TablePreprocessor.fit(frame, target="label")
    shuffled = (
        frame.drop("label")
        .with_columns(colour=pl.lit("red"))
        .select("colour", "since", "town", "age", "member", "income")
    )
    assert same(fitted.encode(shuffled), fitted.encode(frame))
    assert fitted.unused(shuffled) == ("colour",)


def test_values_mean_the_same_in_every_file_type():
    typed = pl.DataFrame({"n": [1, 2, 3, 7], "flag": [True, False, None, True], "grade": ["1", "2", "x", "1"]})
    fitted = TablePreprocessor.fit(typed)
    text = pl.DataFrame(
        {"n": ["1.0", "2", " 3", "7"], "flag": ["1", "FALSE", "?", "true"], "grade": ["1", "2", "x", "1"]}
    )
    assert same(fitted.encode(typed), fitted.encode(text))
    numbers = fitted.encode(typed.with_columns(grade=pl.Series([1, 2, 1, 1])))[1]
    assert numbers[:2, 1].tolist() == fitted.encode(typed)[1][:2, 1].tolist()


def test_fitted_on_these_rows_only(frame):
    fitted = TablePreprocessor.fit(frame.head(30), target="label")
    again = TablePreprocessor.fit(frame.head(30), target="label")
    assert same(fitted.encode(frame.tail(30)), again.encode(frame.tail(30)))
    first = fitted.encode(frame.head(1))
    assert same(fitted.encode(frame.head(30).reverse().tail(1)), first)


def test_state_survives_json_and_arrays(frame):
    fitted = TablePreprocessor.fit(frame, target="label", ignore={"age": "secret"})
    settings_, arrays = fitted.state()
    restored = TablePreprocessor.from_state(json.loads(json.dumps(settings_)), dict(arrays))
    assert same(restored.encode(frame), fitted.encode(frame))
    assert restored.columns == fitted.columns
    assert (restored.target, restored.known, restored.left_out) == ("label", ("age", "label"), fitted.left_out)
    assert fitted.left_out[0].why == "secret"


def test_missing_columns_are_all_named(frame):
    fitted = TablePreprocessor.fit(frame, target="label")
    with pytest.raises(TailtuneError, match=r"lack the columns 'age', 'member' .* Did you mean 'members'\?"):
        fitted.encode(frame.drop("age").rename({"member": "members"}))
    with pytest.raises(TailtuneError, match=r"lack the column 'age'"):
        fitted.encode(frame.drop("age"))


def test_bad_values_name_column_row_and_value(frame):
    fitted = TablePreprocessor.fit(frame, target="label")
    ids = np.array([f"new.csv:{row}" for row in range(N)])
    town = pl.Series(["high" if i in (3, 5) else "1" for i in range(N)])
    with pytest.raises(TailtuneError, match=r"'income' holds numbers, however: 'high' in row new.csv:3 \(and 1 more\)"):
        fitted.encode(frame.with_columns(income=town), ids)
    with pytest.raises(
        TailtuneError, match=r"'since' holds dates, however: '31.12.2020' in row 1 .and 59 more.; write dates as"
    ):
        fitted.encode(frame.with_columns(since=pl.lit("31.12.2020")))
    with pytest.raises(TailtuneError, match=r"'age' is infinite in row 1"):
        fitted.encode(frame.with_columns(age=float("inf")))
    with pytest.raises(TailtuneError, match=r"'since' holds dates, however: 5 in row 1"):
        fitted.encode(frame.with_columns(since=5))


def test_written_forms_mean_the_same_as_plain_ones():
    plain = pl.DataFrame({"n": [1234.5, 7.0, 950.0, None], "d": ["2024-12-31", "2024-01-02", "2023-05-06", None]})
    german = pl.DataFrame({"n": ["1.234,5 €", "7", "950 €", "?"], "d": ["31.12.2024", "2.1.2024", "06.05.2023", ""]})
    fitted = TablePreprocessor.fit(german)
    restored = TablePreprocessor.from_state(*fitted.state())
    assert same(TablePreprocessor.fit(plain).encode(plain), fitted.encode(german))
    assert same(restored.encode(german), fitted.encode(plain))
    thousands = fitted.encode(german.with_columns(n=pl.lit("1.234")))[0][:, 0]
    assert thousands.tolist() == fitted.encode(german.with_columns(n=pl.lit(1234)))[0][:, 0].tolist()
    with pytest.raises(TailtuneError, match=r"'1,234.5' in row 1 .* write a number like 1\.234,5"):
        fitted.encode(german.with_columns(n=pl.lit("1,234.5")))
    with pytest.raises(TailtuneError, match=r"'12/31/2024' in row 1 .* write dates as DD/MM/YYYY"):
        fitted.encode(german.with_columns(d=pl.lit("12/31/2024")))


def test_words_that_training_did_not_have_are_missing_where_it_had_words_among_numbers():
    mixed = pl.DataFrame({"n": [str(i) if i % 20 else "see note" for i in range(100)]})
    fitted = TablePreprocessor.fit(mixed)
    assert fitted.encode(pl.DataFrame({"n": ["no idea", "7"]}))[0][:, 1].tolist() == [1, 0]
    plain = TablePreprocessor.fit(pl.DataFrame({"n": [1.5, 2.5, 3.5]}))
    assert (
        plain.encode(pl.DataFrame({"n": ["Unknown"]}))[0].tolist()
        == plain.encode(pl.DataFrame({"n": [2.5]}))[0].tolist()
    )
    with pytest.raises(TailtuneError, match="'no idea' in row 1"):
        plain.encode(pl.DataFrame({"n": ["no idea"]}))


def test_nothing_to_learn_from():
    with pytest.raises(TailtuneError, match=r"no column is left to learn from: 'x' is constant"):
        TablePreprocessor.fit(pl.DataFrame({"x": [1, 1], "y": [0, 1]}), target="y")
    with pytest.raises(TailtuneError, match=r"without rows"):
        TablePreprocessor.fit(pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)}))


def test_numbers_only_and_categories_only():
    numeric, categorical = TablePreprocessor.fit(pl.DataFrame({"x": [1, 2, 3]})).encode(pl.DataFrame({"x": [1]}))
    assert (numeric.shape, categorical.shape) == ((1, 1), (1, 0))
    numeric, categorical = TablePreprocessor.fit(pl.DataFrame({"x": ["a", "b", "a"]})).encode(
        pl.DataFrame({"x": ["b"]})
    )
    assert (numeric.shape, categorical.tolist()) == ((1, 0), [[2]])


values = {
    "number": st.one_of(st.none(), st.floats(-1e6, 1e6)),
    "whole": st.integers(-3, 9),
    "text": st.sampled_from(["red", "green ", "", "?", "Blue", "none"]),
    "written": st.sampled_from(["1", "2.5", "NA", "-3e2", "0"]),
    "flag": st.sampled_from(["yes", "no", None]),
    "day": st.one_of(st.none(), st.dates()),
}
rows = st.lists(st.fixed_dictionaries(values), min_size=2, max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_training_rows_have_no_unknown_codes_and_order_does_not_matter(table, random):
    types = {"number": pl.Float64, "whole": pl.Int64, "day": pl.Date}
    frame = pl.DataFrame(table, schema={name: types.get(name, pl.String) for name in values})
    try:
        fitted = TablePreprocessor.fit(frame)
    except TailtuneError as error:
        assert "no column is left" in str(error)  # noqa: PT017
        return
    numeric, categorical = fitted.encode(frame)
    shape = fitted.shape()
    assert numeric.shape == (len(table), shape["numeric"])
    assert torch.isfinite(numeric).all()
    assert (categorical > UNKNOWN).all()
    assert all(codes.max() < size for codes, size in zip(categorical.T, shape["cardinalities"], strict=True))
    names = list(frame.columns)
    random.shuffle(names)
    assert same(fitted.encode(frame.select(names)), (numeric, categorical))
    assert same(TablePreprocessor.from_state(*fitted.state()).encode(frame), (numeric, categorical))

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.target import encode_target, learn_target, singleton_warning
from tailtune.errors import TailtuneError


def learn(values, **options):
    values = list(values)
    return learn_target(pl.Series("label", values, **options), row_numbers(len(values)))


@pytest.mark.parametrize(
    ("values", "names", "codes"),
    [
        (["b", "a", " b", "a"], ("a", "b"), [1, 0, 1, 0]),
        ([10, 9, 9, 10], ("9", "10"), [1, 0, 0, 1]),
        ([1.0, 0.0, 1.0], ("0", "1"), [1, 0, 1]),
        (["1.0", "0", "1"], ("0", "1"), [1, 0, 1]),
        ([True, False, True], ("false", "true"), [1, 0, 1]),
        (["True", "False", "true"], ("false", "true"), [1, 0, 1]),
        (["-1", "10", "2", "2"], ("-1", "2", "10"), [0, 2, 1, 1]),
        ([0.5, 1.5, 0.5], ("0.5", "1.5"), [0, 1, 0]),
        (["none", "some", "some"], ("none", "some"), [0, 1, 1]),
    ],
)
def test_classes_and_their_order(values, names, codes):
    learnt = learn(values)
    assert learnt.names == names
    assert learnt.codes.tolist() == codes
    assert learnt.codes.dtype == np.int64
    assert encode_target(pl.Series("label", values), names, row_numbers(len(values))).tolist() == codes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", None, "b", "?"], "has no value in 2 of 4 rows, first in row 2"),
        ([1.0, float("nan"), 2.0], "has no value in 1 of 3 rows, first in row 2"),
        (["a", "a"], r"one class only \('a' in all 2 rows\)"),
        (["u", "v", "w"], r"as many classes as rows \(3\)"),
        ([datetime.date(2020, 1, 1)] * 3, "dates or times"),
    ],
)
def test_what_cannot_be_learnt_is_refused(values, message):
    with pytest.raises(TailtuneError, match=message):
        learn(values)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=100),
        range(100),
        [1, 2, 3, 4],
        [f"{value:.3f}" for value in np.random.default_rng(0).normal(size=50)],
        [17 + i % 70 for i in range(300)],
    ],
)
def test_regression_targets_are_refused_with_an_alternative(values):
    with pytest.raises(TailtuneError, match=r"is a quantity, not a class: .* xgboost.XGBRegressor, or cut it"):
        learn(values)


def test_many_class_indices_are_classes():
    assert len(learn([i % 100 for i in range(500)]).names) == 100
    assert len(learn([1 + i % 100 for i in range(500)]).names) == 100


@pytest.mark.parametrize(
    "values",
    [
        ["a;b", "a", "b", "a;b;c"] * 5,
        ["a|b", "b|c", "a|b|c", "c|a"] * 5,
        ["a, b", "b", "a", "b", "a"] * 5,
        ["[0, 1]", "[1, 1]", "[1, 0]"] * 5,
        [["a"], ["a", "b"]] * 5,
    ],
)
def test_multi_label_targets_are_refused_with_an_alternative(values):
    with pytest.raises(TailtuneError, match=r"several labels a row .* train one model a label"):
        learn(values)


@pytest.mark.parametrize(
    "values",
    [
        ["Smith, John", "Doe, Jane"] * 5,
        ["class A, mild", "class A, severe", "class B, mild", "class B, severe", "class C, mild", "class C, severe"]
        * 5,
        ["red", "green", "other; see notes"] * 5,
        ["<=50K", ">50K"] * 5,
    ],
)
def test_delimiters_in_names_are_no_label_sets(values):
    assert len(learn(values).names) == len(set(values))


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        (["low", "high", "medium"] * 3, True),
        (["Mild", "Severe", "moderate"] * 3, True),
        ([1, 2, 3, 4, 5] * 2, True),
        ([0, 1] * 3, False),
        (["red", "low", "blue"] * 3, False),
        ([1, 3, 7] * 3, False),
    ],
)
def test_ordinal_targets_are_treated_as_nominal_with_a_note(values, ordered):
    warnings = learn(values).warnings
    assert len(warnings) == ordered
    assert all("treated as unordered" in warning for warning in warnings)


def test_unseen_class_is_named():
    with pytest.raises(TailtuneError, match=r"class 'colour' in row 2 has no training rows.*Did you mean 'color'\?"):
        encode_target(pl.Series("label", ["color", "colour"]), ("color", "shape"), row_numbers(2))


def test_singletons():
    assert singleton_warning([]) == ()
    assert singleton_warning(["a"]) == ("Class 'a' has one sample: kept in training, absent from validation and test.",)
    assert singleton_warning(["a", "b"])[0].startswith("Classes 'a', 'b' have one sample")

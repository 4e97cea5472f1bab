from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def make(labels, prefix="", **columns):
    n = len(labels)
    frame = pl.DataFrame({"x": np.random.default_rng(n).normal(size=n), "y": labels, **columns})
    return Rows(frame, row_numbers(n, prefix), prefix.rstrip(":") or "t.csv")


def opened(train, val=None, test=None, **settings):
    return table_dataset(Run("t.csv", **settings), "y", train, val, test)


LABELS = ["a"] * 80 + ["b"] * 20


def test_one_table_is_split_three_ways():
    data = opened(make(LABELS))
    assert (data.kind, data.source, data.names, data.split) == ("table", "t.csv", ("a", "b"), "stratified")
    assert [len(part) for part in (data.test, data.val, data.train)] == [20, 12, 68]
    assert sorted(map(int, np.concatenate([part.ids for part in (data.train, data.val, data.test)]))) == list(
        range(1, 101)
    )
    assert data.profile.counts == (54, 14)
    for part in (data.train, data.val, data.test):
        assert part.targets.tolist() == [int(int(row) > 80) for row in part.ids]
        assert len(part.inputs[0]) == len(part)


@pytest.mark.parametrize(
    ("selection", "with_val"), [("validation", True), ("refit", True), ("last", False), ("test-oracle", False)]
)
def test_the_selection_decides_about_validation_rows(selection, with_val):
    data = opened(make(LABELS), selection=selection)
    assert (data.val is not None) == with_val
    assert len(data.test) == 20
    assert len(data.train) + (len(data.val) if with_val else 0) == 80


def test_the_split_seed_decides_and_the_seed_does_not():
    hashes = [
        opened(make(LABELS), seed=seed, split_seed=split_seed).split_hash
        for seed, split_seed in [(0, 0), (1, 0), (0, 1)]
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_given_parts_are_kept():
    parts = make(LABELS, "train.csv:"), make(["b", "a"], "val.csv:"), make(["a", "b", "a"], "test.csv:")
    data = opened(*parts)
    assert (data.split, len(data.train), len(data.val), len(data.test)) == ("given", 100, 2, 3)
    assert data.val.targets.tolist() == [1, 0]
    assert len(opened(*parts, selection="last").val) == 2
    oracle = opened(*parts, selection="test-oracle")
    assert oracle.val is None
    assert any("val.csv is not used" in warning for warning in oracle.warnings)
    without = opened(parts[0], None, parts[2])
    assert (without.split, len(without.train), len(without.val)) == ("given", 85, 15)


def test_preprocessing_sees_training_rows_only():
    data = opened(make(LABELS, town=[str(i % 50) for i in range(100)]))
    train_rows = np.array([int(row) - 1 for row in data.train.ids])
    assert data.preprocessor.scores.medians[1] == np.median([i % 50 for i in train_rows])
    assert data.preprocessor.scores.medians[0] == np.median(make(LABELS).frame["x"].to_numpy()[train_rows])


def test_groups_stay_together_and_are_no_input():
    who = [f"p{i // 4}" for i in range(100)]
    data = opened(make(LABELS, who=who), group="who")
    sets = [{who[int(row) - 1] for row in part.ids} for part in (data.train, data.val, data.test)]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 25
    assert [left.what for left in data.left_out] == ["who"]
    assert data.preprocessor.numeric_names == ("x",)


def test_groups_shared_with_a_given_part_are_said():
    who = [f"p{i // 4}" for i in range(100)]
    data = opened(make(LABELS, who=who), None, make(["a", "b"], "test.csv:", who=["p1", "new"]), group="who")
    assert any("shares 1 values of 'who'" in warning for warning in data.warnings)


def test_ignored_columns():
    data = opened(make(LABELS, extra=LABELS), ignore=("extra",))
    assert [(left.what, left.why) for left in data.left_out] == [("extra", "was asked to be left out")]


def test_small_classes_are_kept_in_training_and_named():
    data = opened(make(["a"] * 50 + ["b"] * 50 + ["lone"] + ["pair"] * 2))
    names = data.names
    assert "lone" in [names[k] for k in data.train.targets]
    assert "Class 'lone' has one sample: kept in training, absent from validation and test." in data.warnings
    assert "Class 'pair' has no validation rows, so the validation figures do not cover them." in data.warnings


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (make(LABELS), {"ignore": ("z",)}, "t.csv has no column to ignore 'z'"),
        (make(LABELS), {"group": "xx"}, r"no group column 'xx'. Did you mean 'x'\? Its columns: x, y"),
        (make(LABELS), {"ignore": ("y",)}, "'y' is the target"),
        (make(LABELS), {"ratio": 0.1}, "ratio makes a named image data set long-tailed"),
        (make(LABELS), {"test_fraction": 0.0}, "test_fraction is 0"),
        (make(LABELS, who=["p"] * 100), {"group": "who"}, "'who' has too few groups"),
        (make(LABELS, who=["p", None] * 50), {"group": "who"}, "'who' has no value in 50 rows, first in row 2"),
    ],
)
def test_what_does_not_fit_is_refused(rows, settings, message):
    with pytest.raises(TailtuneError, match=message):
        opened(rows, **settings)


def test_given_test_rows_must_fit_the_training_rows():
    train = make(LABELS)
    test = make(["a", "b"], "test.csv:")
    with pytest.raises(TailtuneError, match=r"test.csv has no column 'y' to test against"):
        opened(train, test=Rows(test.frame.drop("y"), test.ids, test.where))
    with pytest.raises(TailtuneError, match=r"test.csv: the data lack the column 'x'"):
        opened(train, test=Rows(test.frame.drop("x"), test.ids, test.where))
    with pytest.raises(TailtuneError, match=r"class 'c' in row test.csv:1 has no training rows"):
        opened(train, test=make(["c", "b"], "test.csv:"))

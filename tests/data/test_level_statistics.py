"""Statistics of levels against sums done row by row, and what models make of a column of very many levels."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from tailtune.data.level_statistics import FOLDS, Labels, LevelStatistics
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.evaluation.ranking import average_precision
from tailtune.run.learners import fit_model
from tailtune.settings import Run

ROWS, LEVELS = 10_000, 2_000


def levels(telling: bool, seed: int = 0) -> pl.DataFrame:
    """A table of a number and a category of 2,000 levels, one of which carries all that there is to know."""
    rng = np.random.default_rng(seed)
    shop, x = rng.integers(0, LEVELS, ROWS), rng.normal(size=ROWS)
    p = np.where(rng.random(LEVELS) < 0.1, 0.6, 0.01)[shop] if telling else 1 / (1 + np.exp(2.5 - x))
    label = np.where(rng.random(ROWS) < p, "rare", "common")
    return pl.DataFrame({"shop": [f"shop {k}" for k in shop], "x": x, "y": label, "p": p})


def scores(frame: pl.DataFrame, model: str, **settings):
    run = Run("t", target="y", ignore=("p",), model=model, decision="none", **settings)
    data = table_dataset(run, "y", Rows(frame, row_numbers(ROWS), "t"))
    fitted = fit_model(run, data)
    return data, fitted, fitted.predictor.scores(data.test.inputs)


def loss(probabilities, targets):
    return float(-np.log(probabilities[np.arange(len(targets)), targets]).mean())


@pytest.mark.parametrize(("model", "settings"), [("xgboost", {}), ("mlp-plr", {"epochs": 3})])
def test_a_column_of_very_many_levels_that_carries_all_of_the_signal_is_used(model, settings):
    frame = levels(telling=True)
    data, _, found = scores(frame, model, **settings)
    rare = data.test.targets.numpy() == 1
    possible = average_precision(frame["p"].to_numpy()[data.test.ids.astype(int) - 1], rare)
    chance = rare.mean()
    assert average_precision(found[:, 1], rare) > chance + 0.8 * (possible - chance)


def test_a_column_of_very_many_levels_that_tells_nothing_does_no_harm():
    data, fitted, found = scores(levels(telling=False), "xgboost")
    without, _, plain = scores(levels(telling=False).drop("shop"), "xgboost")
    test = data.test.targets.numpy()
    assert without.test.targets.numpy().tolist() == test.tolist()
    assert loss(found, test) < loss(plain, test) + 0.005
    validation = loss(fitted.held_out.probabilities, fitted.held_out.targets)
    assert abs(loss(found, test) - validation) < 0.02


@pytest.fixture
def column():
    rng = np.random.default_rng(1)
    return pl.Series("shop", [None if k == 7 else f"s{k}" for k in rng.integers(0, 40, 600)])


@pytest.fixture
def labels(column):
    rng = np.random.default_rng(2)
    often = column.is_in([f"s{k}" for k in range(10)]).to_numpy()
    return Labels(np.where(rng.random(600) < np.where(often, 0.5, 0.1), 1, 0), ("no", "yes"))


def test_new_rows_get_the_frequency_and_the_smoothed_share_of_the_rarer_class(column, labels):
    fitted = LevelStatistics.fit(column, labels)
    m, p = float(fitted.weight[0]), labels.targets.mean()
    assert (fitted.names, 1 <= m < 100) == (("frequency", "yes"), True)
    found = fitted.transform(pl.Series(["s3", None, "never seen"]))
    for row, level in enumerate([column == "s3", column.is_null()]):
        here = level.fill_null(False).to_numpy()
        n, s = here.sum(), labels.targets[here].sum()
        np.testing.assert_allclose(found[row], [np.log1p(n), (s + m * p) / (n + m)])
    np.testing.assert_allclose(found[2], [0, p])


def test_a_training_row_is_told_of_the_other_folds_only(column, labels):
    fitted = LevelStatistics.fit(column, labels)
    found, fold = fitted.out_of_fold(column, labels), labels.folds()
    assert sorted(set(fold)) == list(range(FOLDS))
    m, p, text = float(fitted.weight[0]), labels.targets.mean(), column.fill_null("").to_numpy()
    for row in range(0, 600, 37):
        others = (text == text[row]) & (fold != fold[row])
        n, s = others.sum(), labels.targets[others].sum()
        np.testing.assert_allclose(found[row], [np.log1p(n), (s + m * p) / (n + m)])


def test_rows_of_a_group_are_in_one_fold(labels):
    groups = np.array([f"g{k // 4}" for k in range(600)])
    fold = Labels(labels.targets, labels.names, groups).folds()
    assert all(len(set(fold[k : k + 4])) == 1 for k in range(0, 600, 4))


def test_levels_that_differ_by_chance_only_all_get_the_prior(column):
    labels = Labels(np.random.default_rng(0).integers(0, 2, 600), ("a", "b"))
    fitted = LevelStatistics.fit(column, labels)
    assert fitted.weight.tolist() == [np.inf]
    assert set(fitted.transform(column)[:, 1]) == {fitted.prior[0]}


def test_of_many_classes_the_ten_rarest_get_a_number_each(column):
    targets = np.repeat(np.arange(12), range(20, 80, 5))[:600]
    targets = np.concatenate([targets, np.full(600 - len(targets), 11)])
    fitted = LevelStatistics.fit(column, Labels(targets, tuple("abcdefghijkl")))
    assert fitted.names == ("frequency", *"abcdefghij")


def test_the_preprocessor_keeps_them():
    frame = levels(telling=True).drop("p")
    frame = frame.with_columns(big=pl.Series(["chain"] * 300 + [f"b{k % 900}" for k in range(ROWS - 300)]))
    labels = Labels((frame["y"] == "rare").to_numpy().astype(np.int64), ("common", "rare"))
    fitted = TablePreprocessor.fit(frame, target="y", labels=labels)
    assert fitted.numeric_names == ("shop.frequency", "shop.rare", "x", "big.frequency", "big.rare")
    assert (fitted.categorical_names, fitted.shape()["cardinalities"]) == (("big",), [2])
    settings, arrays = fitted.state()
    restored = TablePreprocessor.from_state(json.loads(json.dumps(settings)), arrays)
    for made in (fitted, restored):
        numeric, categorical = made.encode(frame.head(310))
        assert categorical[:, 0].tolist() == [1] * 300 + [0] * 10
        np.testing.assert_array_equal(numeric.numpy(), fitted.encode(frame.head(310))[0].numpy())
    assert "Column 'shop' has 1," in fitted.warnings[0]
    assert "codes of the 1 most frequent" in fitted.warnings[1]
    training = fitted.encode(frame, training=labels)[0][:, 1]
    assert (
        abs(np.corrcoef(training, labels.targets)[0, 1])
        < np.corrcoef(fitted.encode(frame)[0][:, 1], labels.targets)[0, 1]
    )

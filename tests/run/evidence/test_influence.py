"""Influence of columns on constructed tables, of which it is known what the model goes by."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import torch

from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.evaluation.ranking import average_precision
from tailtune.profile import ClassProfile, Floats
from tailtune.run.evidence.influence import influences

Inputs = tuple[torch.Tensor, ...]
PROFILE = ClassProfile((900, 100), ("no", "yes"))


def made(n: int = 1500, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """A table in which `signal` and its copy carry the class, `weak` a little of it, and three columns nothing."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(np.int64)
    signal = rng.normal(size=n) + 2.5 * y
    frame = pl.DataFrame(
        {
            "noise": rng.normal(size=n),
            "signal": signal,
            "copy": -3 * signal,
            "weak": np.where(rng.random(n) < 0.5 + 0.3 * y, "a", "b"),
            "colour": rng.choice(["red", "green", "blue"], n),
            "more noise": rng.normal(size=n),
        }
    )
    return frame, y


def scorer(preprocessor: TablePreprocessor, weights: dict[str, float]) -> Callable[[Inputs], Floats]:
    """Probabilities by a weighted sum of what the columns become."""
    places = preprocessor.places()

    def probabilities(inputs: Inputs) -> Floats:
        total = np.zeros(len(inputs[0]))
        for name, weight in weights.items():
            numbers, codes = places[name]
            total += weight * (inputs[0][:, numbers[0]] if numbers else inputs[1][:, codes[0]]).numpy()
        p = 1 / (1 + np.exp(-total))
        return np.stack([1 - p, p], axis=1)

    return probabilities


def test_the_signal_comes_first_with_its_copy_and_noise_covers_zero() -> None:
    frame, y = made()
    preprocessor = TablePreprocessor.fit(frame)
    # a model that leans on noise too, by a little, as trained ones do
    model = scorer(
        preprocessor,
        {"signal": 1.0, "copy": -1.0, "weak": -0.5, "noise": 0.1, "more noise": -0.1, "colour": 0.05},
    )
    found = influences(model, preprocessor.encode(frame), y, preprocessor, PROFILE, 30.0)
    assert found is not None
    first, second, *others = found.listed
    assert set(first.columns) == {"signal", "copy"}
    assert first.interval[0] > 0.3
    assert second.columns == ("weak",)
    assert second.interval[0] > 0
    assert {each.columns for each in others} == {("noise",), ("more noise",), ("colour",)}
    for each in others:
        assert each.interval[0] <= 0 <= each.interval[1], each
    assert (found.groups, found.left, found.rows) == (5, 0, 1500)


def test_a_column_that_the_model_does_not_use_loses_nothing_at_all() -> None:
    frame, y = made(400)
    preprocessor = TablePreprocessor.fit(frame)
    found = influences(
        scorer(preprocessor, {"signal": 1.0}), preprocessor.encode(frame), y, preprocessor, PROFILE, 30.0
    )
    assert found is not None
    assert [each.interval for each in found.listed if each.columns == ("noise",)] == [(0.0, 0.0)]


def test_sampled_rows_of_the_other_class_are_weighted_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailtune.run.evidence.influence.MOST_ROWS", 800)
    frame, y = made(4000)
    preprocessor = TablePreprocessor.fit(frame)
    model, inputs = scorer(preprocessor, {"signal": 1.0}), preprocessor.encode(frame)
    found = influences(model, inputs, y, preprocessor, PROFILE, 30.0)
    assert found is not None
    assert found.rows == 800
    whole = average_precision(model(inputs)[:, 1], y == 1)
    assert whole is not None
    assert abs(found.before - whole) < 0.03


def test_shuffling_what_columns_become_is_shuffling_the_columns() -> None:
    frame, _ = made(300)
    dated = frame.with_columns(
        pl.Series("when", np.arange("2020-01-01", "2020-10-27", dtype="datetime64[D]")[:300].astype(str)),
        pl.when(pl.col("noise") > 1).then(None).otherwise(pl.col("noise")).alias("noise"),
    )
    preprocessor = TablePreprocessor.fit(dated)
    order = np.random.default_rng(0).permutation(300)
    for name, (numbers, codes) in preprocessor.places().items():
        raw = preprocessor.encode(dated.with_columns(dated[name][order]))
        inputs = tuple(x.clone() for x in preprocessor.encode(dated))
        for x, at in zip(inputs, (numbers, codes), strict=True):
            x[:, at] = x[torch.from_numpy(order)][:, at]
        for a, b in zip(raw, inputs, strict=True):
            assert torch.equal(a, b), name
    assert len(preprocessor.places()["noise"][0]) == 2  # the number, and whether it is missing


def test_a_slow_model_is_asked_less_and_says_what_was_left_out() -> None:
    frame, y = made(600)
    preprocessor = TablePreprocessor.fit(frame)
    fast = scorer(preprocessor, {"signal": 1.0})

    def slow(inputs: Inputs) -> Floats:
        time.sleep(len(inputs[0]) * 2e-4)
        return fast(inputs)

    began = time.monotonic()
    found = influences(slow, preprocessor.encode(frame), y, preprocessor, PROFILE, 0.3)
    assert found is not None
    assert found.repeats < 5
    assert found.left > 0
    assert set(found.listed[0].columns) == {"signal", "copy"}  # what goes most with the class is looked at first
    assert time.monotonic() - began < 3


def test_too_few_rare_rows_tell_nothing() -> None:
    frame, y = made(200)
    preprocessor = TablePreprocessor.fit(frame)
    few = np.where(np.cumsum(y) <= 9, y, 0)
    model = scorer(preprocessor, {"signal": 1.0})
    assert influences(model, preprocessor.encode(frame), few, preprocessor, PROFILE, 9.0) is None


def test_of_very_many_columns_those_that_go_most_with_the_class_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(300) % 5 == 0).astype(np.int64)
    noise = {f"n{i}": rng.normal(size=300) for i in range(600)}
    preprocessor = TablePreprocessor.fit(pl.DataFrame({**noise, "signal": rng.normal(size=300) + 3 * y}))
    inputs = preprocessor.encode(pl.DataFrame({**noise, "signal": rng.normal(size=300) + 3 * y}))
    began = time.monotonic()
    found = influences(scorer(preprocessor, {"signal": 1.0}), inputs, y, preprocessor, PROFILE, 0.2)
    assert found is not None
    assert found.listed[0].columns == ("signal",)
    assert found.groups == 601
    assert found.left >= 101
    assert time.monotonic() - began < 10

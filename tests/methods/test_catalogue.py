"""Every method of the catalogue trains from end to end: it learns, repeats itself and survives an empty class."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from training_data import table

from tailtune import methods
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.methods.resolve import find
from tailtune.profile import ClassProfile
from tailtune.run.learner import Fitted, Job
from tailtune.run.learners import fit_model
from tailtune.run.predictor import Predictor
from tailtune.settings import Run

DIGITS = Run(
    data="digits",
    ratio=0.05,
    model="resnet8",
    epochs=8,
    batch_size=32,
    lr=0.1,
    weight_decay=1e-3,
    ema=0.0,
    policy="none",
)
TABLE = Run(data="made", model="mlp", epochs=24, batch_size=32, lr=0.05, optimizer="sgd", weight_decay=1e-4, ema=0.0)
RUNS = {"image": DIGITS, "table": TABLE}
CASES = [
    pytest.param(kind, name, id=f"{name}-{kind}")
    for name in methods.__all__
    for kind in find(name)(ClassProfile((9, 3, 1))).kinds
]


@cache
def data(kind: str) -> Dataset:
    return open_dataset(DIGITS) if kind == "image" else table()


def fit(kind: str, name: str, folder: Path | None = None, **changes: object) -> Fitted:
    run = replace(RUNS[kind], method=name, selection="last", decision="none", **changes)
    fitted = fit_model(run, data(kind), Job(folder))
    assert fitted is not None
    return fitted


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_learns_repeats_itself_and_is_saved(kind: str, name: str, tmp_path: Path) -> None:
    part = data(kind).test
    fitted = fit(kind, name, tmp_path)
    probabilities = fitted.predictor.probabilities(part.inputs)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    k = len(data(kind).names)
    recall = [np.mean(probabilities[part.targets == c].argmax(1) == c) for c in range(k)]
    assert np.mean(recall) > 2 / k, f"balanced accuracy {np.mean(recall):.3f} is near chance"

    if fitted.training.steps:
        rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
        losses = [row["train_loss"] for row in rows if row.get("stage", 1) == 1]
        assert np.isfinite([row["train_loss"] for row in rows]).all()
        assert min(losses[1:]) < losses[0], f"the loss did not fall: {losses}"

    assert np.array_equal(probabilities, fit(kind, name).predictor.probabilities(part.inputs)), "the same seed differs"

    if kind == "image":  # the made table has no preprocessor that could be saved
        fitted.predictor.save(tmp_path)
        assert np.array_equal(probabilities, Predictor.load(tmp_path).probabilities(part.inputs))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_class_without_training_rows_is_no_obstacle(kind: str, name: str) -> None:
    whole = data(kind)
    present = np.flatnonzero(whole.train.targets.numpy() != len(whole.names) - 1)
    few = present[np.random.default_rng(0).permutation(len(present))[:160]]
    without = replace(whole, train=whole.train.take(few), val=None)
    try:
        run = replace(RUNS[kind], method=name, selection="last", epochs=2)
        fitted = fit_model(run, without)
    except TailtuneError as error:
        pytest.fail(f"{name} refuses data with an empty class: {error}")
    assert fitted is not None
    assert np.isfinite(fitted.predictor.probabilities(whole.test.inputs)).all()


def test_every_method_says_in_a_line_what_it_is() -> None:
    from tailtune.report.terminal.listing import entries

    lines = dict(entries("methods"))
    assert set(lines) == set(methods.__all__)
    assert all(20 < len(line) < 140 and line.endswith(".") for line in lines.values()), lines
    assert len(set(lines.values())) == len(lines)


def test_methods_are_named_like_their_functions_and_leave_the_profile_alone() -> None:
    for name in methods.__all__:
        profile = ClassProfile((90, 9, 1))
        method = getattr(methods, name)(profile)
        assert method.name == name
        assert profile == ClassProfile((90, 9, 1))
        assert method.main < len(method.stages)
        assert all(stage.reference is None or stage.reference < i for i, stage in enumerate(method.stages))

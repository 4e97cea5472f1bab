"""Learners: weights of trees, refits, and what each cannot take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.decision.decision import PriorCorrection
from tailtune.errors import TailtuneError
from tailtune.models.classical import LIBRARIES
from tailtune.run.folder import read_asked, read_resolved
from tailtune.run.learner import Job
from tailtune.run.learners import CLASSICAL, fit_model
from tailtune.run.learners.classical import _row_weights
from tailtune.run.predictor import Predictor
from tailtune.settings import Run

OWN = """
from tailtune.methods.method import Method, Stage

def weighted(profile, scale=1.0):
    return Method("weighted", (Stage(class_weights=lambda progress: scale * (1 - profile.priors)),))
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    rare = (x[:, 0] + rng.normal(size=400) > 1.4).astype(int)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": rare}).write_csv(path)
    return path


def fitted(run: Run, dataset: Dataset) -> Predictor:
    made = fit_model(run, dataset)
    assert made is not None
    return made.predictor


@pytest.mark.parametrize("model", [name for name in CLASSICAL if LIBRARIES[name].WEIGHS_CLASSES])
def test_only_the_ratio_of_class_weights_counts(model: str, table: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    run = Run(str(table), target="y", model=model, threads=1)
    data = open_dataset(run)
    method = f"{tmp_path / 'own.py'}:weighted"
    once, tenfold = (
        fitted(replace(run, method=f"{method}(scale={scale})"), data).probabilities(data.test.inputs)
        for scale in (1.0, 10.0)
    )
    np.testing.assert_allclose(once, tenfold, atol=1e-6)
    assert np.abs(once - fitted(run, data).probabilities(data.test.inputs)).max() > 0.05


def test_row_weights_multiply_class_weights_and_have_mean_one(table: Path) -> None:
    data = open_dataset(Run(str(table), target="y"))
    assert data.val is not None
    own = np.random.default_rng(0).uniform(0.5, 2.0, len(data.train))
    train = replace(data.train, weights=torch.as_tensor(own, dtype=torch.float32))
    weights = _row_weights(train, data.val, np.array([1.0, 4.0]))
    assert weights is not None
    raw = train.weights.numpy() * np.array([1.0, 4.0])[train.targets.numpy()]  # type: ignore[union-attr]
    np.testing.assert_allclose(weights[0], raw / raw.mean())
    np.testing.assert_allclose(weights[1], np.array([1.0, 4.0])[data.val.targets.numpy()] / raw.mean())
    assert _row_weights(data.train, data.val, None) is None


@pytest.mark.parametrize("method", ["drw", "drs", "progressive_sampling"])
def test_what_changes_late_in_training_is_refused_by_trees(method: str, table: Path) -> None:
    run = Run(str(table), target="y", model="xgboost", method=method)
    with pytest.raises(TailtuneError, match="differently late in training, and xgboost has one set of weights"):
        fit_model(run, open_dataset(run))


def test_weights_of_classes_are_refused_where_they_would_change_nothing(table: Path) -> None:
    run = Run(str(table), target="y", model="extra-trees", method="inverse_frequency")
    with pytest.raises(TailtuneError, match="changes nothing in the pure leaves of extra-trees"):
        fit_model(run, open_dataset(run))


@pytest.mark.parametrize("model", ["mlp", "lightgbm"])
def test_a_refit_takes_the_priors_of_all_its_rows(model: str, table: Path) -> None:
    run = Run(str(table), target="y", model=model, method="post_hoc_logit_adjustment", selection="refit", threads=1)
    run = run if model == "lightgbm" else replace(run, epochs=2)
    data = open_dataset(run)
    assert data.val is not None
    # one class of the validation part is gone, so that the priors of training alone and of both parts differ
    data = replace(data, val=data.val.take(np.flatnonzero(data.val.targets.numpy() == 0)))
    assert data.val is not None
    decision = fitted(run, data).decision
    assert isinstance(decision, PriorCorrection)
    both = data.train.joined(data.val)
    priors = np.bincount(both.targets.numpy()) / len(both)
    np.testing.assert_allclose(decision.offsets, -np.log(priors))
    assert np.abs(decision.offsets + np.log(data.profile.priors)).max() > 0.05


def test_a_decision_is_saved_with_the_model(table: Path, tmp_path: Path) -> None:
    run = Run(str(table), target="y", model="mlp", method="post_hoc_logit_adjustment(tau=0.5)", epochs=1)
    data = open_dataset(run)
    made = fitted(run, data)
    made.save(tmp_path)
    loaded = Predictor.load(tmp_path)
    np.testing.assert_array_equal(loaded.probabilities(data.test.inputs), made.probabilities(data.test.inputs))
    before = replace(made, decision=None).scores(data.test.inputs)
    assert np.abs(made.scores(data.test.inputs) - before).max() > 0.05
    assert isinstance(loaded.decision, PriorCorrection)
    assert loaded.decision.tau == 0.5


def test_a_job_without_a_folder_writes_nothing(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run(str(table), target="y", model="lightgbm")
    fit_model(run, open_dataset(run), Job())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", [None, "xgboost"])
def test_what_was_asked_and_the_threads_that_were_used_are_recorded(
    model: str | None, table: Path, tmp_path: Path
) -> None:
    run = Run(str(table), target="y", model=model, epochs=None if model else 1)
    made = fit_model(run, open_dataset(run), Job(tmp_path))
    assert made is not None
    assert (made.run.threads, read_resolved(tmp_path).threads) == (1, 1)
    assert read_asked(tmp_path) == run  # so that the same command may go on with it


@pytest.mark.parametrize("model", ["xgboost(max_depth=2, learning_rate=0.3)", "mlp(layers=1, width=8)"])
def test_a_model_with_settings_is_trained_saved_and_loaded(model: str, table: Path, tmp_path: Path) -> None:
    run = Run(str(table), target="y", model=model, epochs=1 if model.startswith("mlp") else None)
    data = open_dataset(run)
    made = fitted(run, data)
    made.save(tmp_path)
    loaded = Predictor.load(tmp_path)
    assert loaded.model_name == model
    np.testing.assert_array_equal(loaded.probabilities(data.test.inputs), made.probabilities(data.test.inputs))


@pytest.mark.parametrize("model", ["xgboost(depth=2)", "mlp(wide=8)", "tabm(layers=2)"])
def test_settings_that_a_model_does_not_have(model: str, table: Path) -> None:
    run = Run(str(table), target="y", model=model, epochs=None if model.startswith("xgb") else 1)
    with pytest.raises(TailtuneError, match="takes no"):
        fit_model(run, open_dataset(run))

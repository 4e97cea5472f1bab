"""--minutes from the settings to a finished training, with the pace made up, and again after an interrupt."""

from __future__ import annotations

import os
import signal
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.interrupt import Interrupted
from tailtune.run.clock import Clock
from tailtune.run.learner import Fitted, Job
from tailtune.run.learners import fit_model, networks
from tailtune.run.systems import scores_of, systems_of
from tailtune.settings import Run
from tailtune.training.budget import Pace, Plan
from tailtune.training.observer import Lines, Silent


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": (x[:, 0] > 1).astype(int)}).write_csv(path)
    return open_dataset(Run(str(path), target="y"))


ASKED = Run("made", target="y", model="mlp", method="erm", minutes=5.0, accelerator="cpu")


@pytest.fixture
def half_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit every budget by half of the rows, three times, in batches of 20."""

    def fitted(method: Any, build: Any, ground: Any, asked: Run, seconds: float) -> Plan:
        return Plan(replace(ground.run, epochs=3, batch_size=20, lr=0.002), 0.5, Pace(1.0, (20.0,)), 30.0)

    monkeypatch.setattr(networks, "fit_to_budget", fitted)


def fit(run: Run, data: Dataset, job: Job) -> Fitted:
    fitted = fit_model(run, data, job)
    assert fitted is not None
    return fitted


class StopAt(Silent):
    """Sends SIGINT to this process after an epoch."""

    def epoch(self, row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("selection", ["validation", "refit"])
def test_a_part_is_the_same_after_an_interrupt(
    selection: Any, half_an_epoch: None, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(ASKED, selection=selection)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole = fit(run, data, Job(tmp_path / "whole"))
    with pytest.raises(Interrupted):
        fit_model(run, data, Job(tmp_path / "broken", watch=lambda: nullcontext(StopAt())))
    monkeypatch.setattr(networks, "fit_to_budget", lambda *_: pytest.fail("the budget is fitted once"))
    resumed = fit(run, data, Job(tmp_path / "broken", resume=True))
    inputs = data.test.inputs
    np.testing.assert_array_equal(resumed.predictor.probabilities(inputs), whole.predictor.probabilities(inputs))
    assert resumed.run == whole.run
    assert resumed.training.warnings == whole.training.warnings
    (warning,) = whole.training.warnings
    assert warning.startswith("Not even one epoch fits into --minutes 5: trained on ")
    assert f"of the {len(data.train)} training rows" in warning


def test_all_validation_rows_are_scored_where_training_looks_at_a_part(half_an_epoch: None, data: Dataset) -> None:
    held_out = fit(ASKED, data, Job()).held_out
    assert held_out is not None
    assert data.val is not None
    assert held_out.targets.tolist() == data.val.targets.tolist()


def test_what_was_chosen_is_said_before_training(half_an_epoch: None, data: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    fit(ASKED, data, Job(tmp_path, forecast=said.append))
    assert said[0].startswith("Training by erm: mlp, 3 epochs, batches of 20, adamw at 0.002")
    assert said[1].startswith("An epoch over all rows takes about 20 s, all 3 about 1 min 0 s")
    assert said[2].startswith("Not even one epoch fits")


def test_a_budget_that_cannot_be_kept(data: Dataset) -> None:
    said: list[str] = []
    fitted = fit(ASKED, data, Job(until=time.monotonic(), forecast=said.append))
    assert fitted.training.steps == 1
    assert fitted.run.epochs == 1
    assert any("--minutes 5 cannot be kept: 0 s of it are there for training" in sentence for sentence in said)
    assert "Faster: try --model xgboost." in said


def test_timing_before_training_changes_no_bit(data: Dataset) -> None:
    run = replace(ASKED, minutes=None, epochs=2, model="resnet")  # it has dropout
    said: list[str] = []
    told, silent = fit(run, data, Job(forecast=said.append)), fit(run, data, Job())
    assert len(said) == 2
    for mine, other in zip(told.predictor.model.parameters(), silent.predictor.model.parameters(), strict=True):  # type: ignore[union-attr]
        assert torch.equal(mine, other)


def test_training_stops_after_the_epoch_in_which_time_is_up(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def ten(method: Any, build: Any, ground: Any, asked: Run, seconds: float) -> Plan:
        return Plan(replace(ground.run, epochs=10, patience=0), 1.0, Pace(0.0, (0.0,)), 0.0)

    monkeypatch.setattr(networks, "fit_to_budget", ten)
    stopped = fit(ASKED, data, Job(until=time.monotonic())).training
    assert (stopped.epochs, stopped.stopped) == (1, "the minutes were over")
    in_time = fit(ASKED, data, Job(until=time.monotonic() + 600)).training
    assert (in_time.epochs, in_time.stopped) == (10, "finished")


@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "catboost"])
def test_trees_stop_when_time_is_up(model: str, data: Dataset) -> None:
    training = fit(replace(ASKED, model=model, threads=1), data, Job(until=time.monotonic())).training
    assert (training.epochs, training.stopped) == (1, "the minutes were over")
    assert training.warnings[0].endswith("was stopped after 1 round, to end in time.")


def test_the_minutes_are_shared_out() -> None:
    now = time.monotonic()
    clock = Clock.started(10.0, now, ("majority", "xgboost"))
    assert clock.until() == pytest.approx(now + 600 * 6 / 9, abs=5)
    late = Clock.started(10.0, now - 300, ("majority", "xgboost")).after().after()
    assert late.until() == pytest.approx(now + 150, abs=5)
    assert Clock.started(None, now, ()).until() is None
    # reading took them all: a tenth is left all the same
    assert Clock.started(10.0, now - 900, ("erm",)).until() == pytest.approx(now + 60 * 6 / 13.5, abs=5)


def test_time_is_kept_for_intervals_that_many_rows_make_slow() -> None:
    now, waited = time.monotonic(), lambda times: time.sleep(0.01 * times)  # 0.12 s a resample of three systems
    clock = Clock.started(0.2, now, ("majority", "xgboost")).keeping(3, waited)
    assert clock.evaluation > 0.99 * 50 * 0.12
    assert clock.until() == pytest.approx(now + 0.05 + (12 - 6) * 6 / 7.5, abs=2.5)
    slow = replace(clock, evaluation=100.0)
    assert slow.until() == pytest.approx(now + 6 * 6 / 7.5, abs=0.5)  # half of what is left is for training
    assert clock.after().after().evaluation == clock.evaluation
    assert Clock.started(None, now, ()).keeping(3, lambda times: pytest.fail("no budget, nothing to time")).end is None


def test_fewer_resamples_where_time_is_short() -> None:
    asked: list[int] = []
    assert Clock.started(None, 0.0, ()).resamples(1000, 2, asked.append) == 1000
    assert Clock.started(60.0, time.monotonic(), ()).resamples(1000, 2, asked.append) == 1000
    assert Clock(time.monotonic() - 30, ("model",)).resamples(1000, 2, asked.append) == 50
    assert Clock.started(1.0, time.monotonic() - 90, ()).resamples(0, 2, asked.append) == 0
    assert asked == [5, 5]


def test_a_line_now_and_then() -> None:
    said: list[str] = []
    passed = [0.0]
    lines = Lines(said.append, lambda: passed[0])
    lines.start(100, 0)
    for done in range(1, 101):
        passed[0] = float(done)
        lines.step(done, 0.5)
        if done == 30:
            lines.epoch({"epoch": 1, "val_loss": 0.4, "val_balanced_accuracy": 0.75, "val_tail_accuracy": None})
    assert said == [
        "step 10 of 100 (epochs 0): 10 s so far, about 1 min 30 s left, loss 0.500",
        "step 40 of 100 (epochs 1): 40 s so far, about 1 min 0 s left, loss 0.500 · val balanced 0.750",
        "step 70 of 100 (epochs 1): 1 min 10 s so far, about 30 s left, loss 0.500 · val balanced 0.750",
        "step 100 of 100 (epochs 1): 1 min 40 s so far, about 0 s left, loss 0.500 · val balanced 0.750",
    ]


def test_a_baseline_that_was_cut_short_is_called_that(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = replace(ASKED, model="extra-trees", threads=1)
    fitted = fit_model(run, data, Job())
    assert fitted is not None
    scores, _ = scores_of(fitted, data)
    said: list[str] = []
    for seconds, label in ((0.0, "XGBoost, cut short"), (600.0, "XGBoost")):
        clock = Clock.started(None, time.monotonic(), ("xgboost",))
        monkeypatch.setattr(Clock, "until", lambda self, seconds=seconds: time.monotonic() + seconds)
        _, baseline = systems_of(run, fitted, data, scores, ("xgboost",), clock, said.append)
        assert baseline.label == label
    assert len(said) == 1
    assert "to end in time" in said[0]

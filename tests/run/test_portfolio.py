"""Portfolios: what is trained on what, what is kept, and what happens when time or a member is short."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.jobs.progress import shown
from tailtune.jobs.side_by_side import SideBySide
from tailtune.run.execute import execute
from tailtune.run.learner import Fitted, Job
from tailtune.run.learners import (
    PORTFOLIO,
    fit_model,
    judged_rows,
    member_training,
    portfolio,
    with_model,
    with_monitor,
)
from tailtune.run.portfolio import Portfolio
from tailtune.run.predictor import Predictor
from tailtune.settings import Run

TWO = ("lightgbm", "logistic-regression")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    rare = np.where(x[:, 0] + rng.normal(size=400) > 1.4, "yes", "no")
    patient = np.repeat(np.arange(100), 4)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "patient": patient, "y": rare}).write_csv(path)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two members that take no time."""
    monkeypatch.setattr(portfolio, "MEMBERS", TWO)


def run_of(table: Path, **settings: Any) -> Run:
    return Run(str(table), target="y", ignore=("patient",), **settings)


def made(run: Run, dataset: Dataset, job: Job | None = None) -> Fitted:
    fitted = fit_model(run, dataset, job)
    assert fitted is not None
    return fitted


def members_of(fitted: Fitted) -> Portfolio:
    assert isinstance(fitted.predictor.model, Portfolio)
    return fitted.predictor.model


@pytest.mark.usefixtures("quick")
def test_every_row_is_judged_by_models_that_did_not_see_it(table: Path) -> None:
    dataset = open_dataset(run_of(table))
    assert dataset.val is not None
    fitted = made(run_of(table), dataset)
    assert fitted.held_out is not None
    both = dataset.train.joined(dataset.val)
    np.testing.assert_array_equal(fitted.held_out.targets, both.targets.numpy())
    seen = members_of(fitted).predict_proba(both.tensors("a test"))
    rows = np.arange(len(both))
    unseen_loss, seen_loss = (
        -np.log(found[rows, both.targets.numpy()]).mean() for found in (fitted.held_out.probabilities, seen)
    )
    assert seen_loss < unseen_loss - 0.02  # boosting knows by heart what it has seen
    assert [(record.name, record.trainings) for record in fitted.training.portfolio] == [(name, 5) for name in TWO]
    assert sum(record.weight for record in fitted.training.portfolio) == pytest.approx(1.0)
    assert fitted.implied == pytest.approx(dataset.profile.priors)


@pytest.mark.usefixtures("quick")
def test_scores_by_fold_are_of_models_that_did_not_see_the_rows_of_the_fold(table: Path) -> None:
    dataset = open_dataset(run_of(table))
    fitted = made(run_of(table), dataset)
    assert dataset.val is not None
    assert fitted.held_out is not None
    assert fitted.held_out.folds is not None
    both = dataset.train.joined(dataset.val)
    by_fold = members_of(fitted).by_fold(both.tensors("a test"))
    assert by_fold.shape == (5, len(both), 2)
    own = by_fold[fitted.held_out.folds, np.arange(len(both))]
    np.testing.assert_allclose(own, fitted.held_out.probabilities, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(by_fold.mean(axis=0), fitted.predictor.scores(both.inputs))


@pytest.mark.usefixtures("quick")
def test_probabilities_are_the_weighted_mean_of_the_members(table: Path) -> None:
    dataset = open_dataset(run_of(table))
    model = members_of(made(run_of(table), dataset))
    inputs = dataset.test.tensors("a test")
    expected = np.zeros((len(dataset.test), 2))
    for member in model.members:
        for predictor in member.predictors:
            expected += member.weight * predictor.probabilities(inputs) / len(member.predictors)
    np.testing.assert_allclose(model.predict_proba(inputs), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)


def test_networks_and_classical_models_are_saved_together(table: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(portfolio, "MEMBERS", ("extra-trees", portfolio.NETWORK))
    monkeypatch.setattr(judged_rows, "FOLDS", 2)
    dataset = open_dataset(run_of(table))
    predictor = made(run_of(table), dataset).predictor
    predictor.save(tmp_path)
    again = Predictor.load(tmp_path)
    np.testing.assert_array_equal(again.scores(dataset.test.inputs), predictor.scores(dataset.test.inputs))
    np.testing.assert_array_equal(
        again.probabilities(dataset.test.inputs), predictor.probabilities(dataset.test.inputs)
    )


@pytest.mark.usefixtures("quick")
def test_groups_stay_together_in_folds(table: Path) -> None:
    run = Run(str(table), target="y", group="patient")
    fitted = made(run, open_dataset(run))
    assert fitted.held_out is not None
    assert fitted.held_out.groups is not None
    assert fitted.held_out.folds is not None
    pairs = set(zip(fitted.held_out.groups.tolist(), fitted.held_out.folds.tolist(), strict=True))
    assert len(pairs) == len(np.unique(fitted.held_out.groups)) >= 70
    assert {record.trainings for record in fitted.training.portfolio} == {5}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("settings", [{"time": "patient"}, {"group": "quarter"}])
def test_times_and_very_few_groups_are_judged_on_the_validation_rows(
    table: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    quarters = pl.read_csv(table).with_columns(quarter=pl.col("patient") // 25)
    quarters.write_csv(tmp_path / "rows.csv")
    run = Run(str(tmp_path / "rows.csv"), target="y", **settings)  # type: ignore[arg-type]
    dataset = open_dataset(run)
    assert dataset.val is not None
    fitted = made(run, dataset)
    assert fitted.held_out is not None
    np.testing.assert_array_equal(fitted.held_out.targets, dataset.val.targets.numpy())
    assert {record.trainings for record in fitted.training.portfolio} == {1}


@pytest.mark.usefixtures("quick")
def test_many_rows_are_held_out_once(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_rows, "FEW", 3)
    monkeypatch.setattr(judged_rows, "FEW_ROWS", 10)
    dataset = open_dataset(run_of(table))
    assert dataset.val is not None
    fitted = made(run_of(table), dataset)
    assert fitted.held_out is not None
    assert len(fitted.held_out.targets) == len(dataset.val)
    assert {record.trainings for record in fitted.training.portfolio} == {1}
    without = made(run_of(table, selection="last"), replace(dataset, val=None))  # then in folds
    assert {record.trainings for record in without.training.portfolio} == {5}


def test_a_member_that_cannot_learn_is_left_out_in_words(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio, "MEMBERS", TWO)
    fit = portfolio._candidate

    def failing(trainings: Any, *rest: Any) -> Any:
        if trainings[0].run.model == "lightgbm":
            raise TailtuneError("no column varies")
        return fit(trainings, *rest)

    monkeypatch.setattr(portfolio, "_candidate", failing)
    dataset = open_dataset(run_of(table))
    fitted = made(run_of(table), dataset)
    assert fitted.training.warnings == ("lightgbm was left out of the portfolio: no column varies",)
    assert [member.name for member in members_of(fitted).members] == ["logistic-regression"]
    monkeypatch.setattr(portfolio, "MEMBERS", ("lightgbm",))
    with pytest.raises(TailtuneError, match="no column varies"):
        fit_model(run_of(table), dataset)


@pytest.mark.usefixtures("quick")
def test_what_there_is_no_time_for_is_left_out_in_words(table: Path) -> None:
    fitted = made(run_of(table), open_dataset(run_of(table)), Job(until=time.monotonic()))
    assert fitted.training.warnings == ("logistic-regression was left out of the portfolio, to end in time.",)
    assert fitted.training.stopped == "the minutes were over"


@pytest.mark.usefixtures("quick")
def test_an_interrupted_run_goes_on_from_its_members_to_the_same_bits(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(run_of(table))
    whole = made(run_of(table), dataset).predictor.scores(dataset.test.inputs)
    real, trained = portfolio._candidate, []

    def stopped_at_second(trainings: Any, *rest: Any) -> Any:
        if trainings[0].run.model == TWO[1]:
            raise KeyboardInterrupt
        return real(trainings, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(portfolio, "_candidate", stopped_at_second)
        with pytest.raises(KeyboardInterrupt):
            fit_model(run_of(table), dataset, Job(tmp_path))
    assert len(list((tmp_path / portfolio.FOLDER).iterdir())) == 5
    keep = member_training.keep

    def noting(folder: Path, one: Fitted) -> None:
        trained.append(folder.name)
        keep(folder, one)

    monkeypatch.setattr(member_training, "keep", noting)
    resumed = made(run_of(table), dataset, Job(tmp_path, resume=True))
    assert trained == [f"{TWO[1]}-1-{fold}" for fold in range(5)]
    np.testing.assert_array_equal(resumed.predictor.scores(dataset.test.inputs), whole)
    (tmp_path / portfolio.FOLDER / f"{TWO[0]}-0-3" / "scores.npz").write_bytes(b"damaged")
    trained.clear()
    again = made(run_of(table), dataset, Job(tmp_path, resume=True))
    assert trained == [f"{TWO[0]}-0-3"]
    np.testing.assert_array_equal(again.predictor.scores(dataset.test.inputs), whole)


class OutOfOrder:
    """Carries out trainings from the last to the first, but for one that never succeeds here."""

    def __init__(self, fails: str) -> None:
        self.fails = fails
        self.asked: list[tuple[int, float, int]] = []
        self.shares: list[float] = []

    def room(self, threads: int, memory: float, trainings: int) -> int:
        self.asked.append((threads, memory, trainings))
        return 2

    def __call__(self, trainings: Sequence[Any], at_a_time: int, threads: int) -> None:
        assert not any(training.done() for training in trainings)
        self.shares = [training.share for training in trainings]
        for training in reversed(trainings):
            if training.title != self.fails:
                pickle.loads(pickle.dumps(training))()
                assert training.done()


@pytest.mark.usefixtures("quick")
def test_trainings_side_by_side_come_to_the_same_bits(table: Path, tmp_path: Path) -> None:
    run = run_of(table, minutes=5.0)
    dataset = open_dataset(run)
    alone = made(run, dataset)
    together = OutOfOrder(fails=f"{TWO[0]} 2")
    several = made(run, dataset, Job(tmp_path, together=together))
    ((threads, memory, trainings),) = together.asked
    assert (threads, trainings) == (1, 10)
    assert memory > 1e9
    # two at a time, ten of equal length: the first may take a fifth of the time, the last all that is left
    assert together.shares == pytest.approx([min(1.0, 2 / left) for left in range(10, 0, -1)])
    np.testing.assert_array_equal(
        several.predictor.probabilities(dataset.test.inputs), alone.predictor.probabilities(dataset.test.inputs)
    )
    assert [record.trainings for record in several.training.portfolio] == [5, 5]


@pytest.mark.faults
def test_other_processes_train_the_same_portfolio(table: Path, tmp_path: Path) -> None:
    said: list[str] = []
    found = []
    for folder, jobs in (("one", 1), ("two", 2)):
        show = partial(shown, Console(file=io.StringIO()), said.append, each=True)
        run = replace(run_of(table), model=f"portfolio(members={TWO!r})", out=str(tmp_path / folder), baselines=())
        finished = execute(run, together=SideBySide(jobs, show, 2, lambda: 8 << 30), say=said.append, resamples=0)
        assert finished is not None
        found.append(finished.predictions.model.probabilities)
    np.testing.assert_array_equal(*found)
    assert sum("of 10 trainings" in line for line in said) == 10


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({}, "portfolio"),
        ({"objective": "balanced_accuracy", "minutes": 1.0, "selection": "refit"}, "portfolio"),
        ({"objective": "auprc", "accelerator": "cpu", "precision": "32"}, "portfolio"),
        ({"method": "sama"}, "mlp-plr"),
        ({"epochs": 3}, "mlp-plr"),
        ({"patience": 0}, "mlp-plr"),
        ({"devices": 2}, "mlp-plr"),
        ({"model": "catboost"}, "catboost"),
    ],
)
def test_a_portfolio_unless_a_network_is_asked_for(table: Path, settings: dict[str, Any], model: str) -> None:
    dataset = open_dataset(run_of(table))
    assert with_model(with_monitor(run_of(table, **settings)), dataset).model == model
    assert with_model(run_of(table), dataset, alone=False).model == "mlp-plr"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"selection": "test-oracle"}, "--selection test-oracle chooses an epoch, and portfolio has none"),
        ({"model": "portfolio(members=('xgbost',))"}, "'xgbost' is no model that a portfolio can hold"),
        ({"model": "portfolio(members=())"}, "names no members"),
        ({"model": "portfolio(member='mlp')"}, "takes no 'member'"),
    ],
)
def test_what_a_portfolio_does_not_have(table: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        PORTFOLIO.fit(run_of(table, **{"model": "portfolio", **settings}), open_dataset(run_of(table)), Job())


@pytest.mark.usefixtures("quick")
def test_large_tables_have_a_budget_and_say_so(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, said = open_dataset(run_of(table)), []
    assert PORTFOLIO.minutes(dataset) is None
    monkeypatch.setattr(portfolio, "FEW_ROWS", 1)
    cells = len(dataset.train) * sum(x.shape[1] for x in dataset.train.inputs)
    monkeypatch.setattr(portfolio, "LARGE", 3 * cells)
    assert PORTFOLIO.minutes(dataset) is None
    assert PORTFOLIO.minutes(replace(dataset, names=tuple("abcdef"))) == portfolio.MINUTES
    monkeypatch.setattr(portfolio, "FEW_ROWS", 3 * len(dataset.train))  # as if it had as many
    assert PORTFOLIO.minutes(dataset) == portfolio.MINUTES
    monkeypatch.setattr(portfolio, "LARGE", 100)
    assert PORTFOLIO.minutes(dataset) == portfolio.MINUTES
    made(run_of(table), dataset, Job(forecast=said.append))
    assert "They have 8 min 0 s together; see --minutes." in said[0]


def test_members_can_be_named_with_settings_and_networks_have_theirs(table: Path, tmp_path: Path) -> None:
    model = "portfolio(members=('lightgbm(num_leaves=4)', 'mlp(layers=1, width=8)'))"
    run = run_of(table, model=model, method="erm", epochs=1, batch_size=200)
    dataset = open_dataset(run)
    fitted = made(run, dataset)
    assert {record.name for record in fitted.training.portfolio} == {"lightgbm(num_leaves=4)", "mlp(layers=1, width=8)"}
    fitted.predictor.save(tmp_path)
    again = Predictor.load(tmp_path)
    np.testing.assert_array_equal(again.scores(dataset.test.inputs), fitted.predictor.scores(dataset.test.inputs))

"""Tuning: what is searched, on which rows, what is kept, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.methods.search import Choice
from tailtune.run.finished import Finished
from tailtune.settings import Run
from tailtune.tuning import searching as loop
from tailtune.tuning import tune as engine
from tailtune.tuning.page import steps, write_page
from tailtune.tuning.parts import for_search
from tailtune.tuning.result import Judged, Trial, TuningResult, read_tuning
from tailtune.tuning.spaces import Search, searches
from tailtune.tuning.table import trials_table, verdict
from tailtune.tuning.trial import Made, losses
from tailtune.tuning.tune import tune


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    rare = np.where(x[:, 0] + rng.normal(size=500) > 1.2, "yes", "no")
    person = np.repeat(np.arange(125), 4)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "person": person, "y": rare}).write_csv(path)
    return path


def run_of(table: Path, out: Path, **settings: Any) -> Run:
    return Run(str(table), target="y", out=str(out), **{"ignore": ("person",), **settings})


def tuned(table: Path, out: Path, trials: int = 4, seeds: int = 0, **settings: Any) -> TuningResult:
    return tune(run_of(table, out, **{"model": "lightgbm", **settings}), trials=trials, seeds=seeds, say=lambda _: None)


@pytest.mark.parametrize("grouped", [False, True])
def test_three_parts_share_no_row_and_none_with_the_test_rows(table: Path, tmp_path: Path, grouped: bool) -> None:
    run = run_of(table, tmp_path)
    run = replace(run, ignore=(), group="person") if grouped else run
    dataset = open_dataset(run)
    rows = for_search(run, dataset).dataset
    assert rows.val is not None
    parts = [set(part.ids.tolist()) for part in (rows.train, rows.val, rows.test, dataset.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 500
    assert min(map(len, parts)) > 50
    for part in (rows.train, rows.val, rows.test):
        assert 0.1 < part.targets.float().mean() < 0.4
    if grouped:  # those that judge are of people whom training did not see
        people = [{(int(row) - 1) // 4 for row in part} for part in parts]
        assert not (people[0] | people[1]) & people[2]
        assert not people[0] & people[1]


@pytest.mark.parametrize("grouped", [False, True])
def test_of_few_rows_each_chooses_once_and_by_a_training_that_did_not_see_it(
    table: Path, tmp_path: Path, grouped: bool
) -> None:
    run = run_of(table, tmp_path)
    run = replace(run, ignore=(), group="person") if grouped else run
    rows = for_search(run, open_dataset(run))
    assert rows.dataset.val is not None
    searched = sorted([*rows.dataset.train.ids.tolist(), *rows.dataset.val.ids.tolist()])
    chosen = []
    for training in rows.chosen_by.trainings:
        assert training.val is not None
        seen, held_out = training.train.ids.tolist(), training.val.ids.tolist()
        assert sorted(seen + held_out) == searched
        if grouped:
            assert not {(int(row) - 1) // 4 for row in seen} & {(int(row) - 1) // 4 for row in held_out}
        chosen += held_out
    assert len(rows.chosen_by.trainings) == 5
    assert sorted(chosen) == searched


def test_pictures_are_trained_once_a_trial() -> None:
    run = Run("digits", ratio=0.05)
    rows = for_search(run, open_dataset(run))
    assert rows.chosen_by.trainings == (rows.dataset,)


def test_a_search_in_time_chooses_and_judges_on_later_rows(table: Path, tmp_path: Path) -> None:
    run = replace(run_of(table, tmp_path), ignore=(), time="person")
    dataset = open_dataset(run)
    searched = for_search(run, dataset)
    rows = searched.dataset
    assert searched.chosen_by.trainings == (rows,)  # folds would mix past and future
    assert rows.val is not None
    times = [part.times for part in (rows.train, rows.val, rows.test, dataset.test)]
    for earlier, later in pairwise(times):
        assert earlier is not None
        assert later is not None
        assert earlier.max() < later.min()


def test_too_few_rows_are_refused(table: Path, tmp_path: Path) -> None:
    run = run_of(table, tmp_path)
    dataset = open_dataset(run)
    with pytest.raises(TailtuneError, match="too few rows to choose settings on"):
        for_search(run, replace(dataset, train=dataset.train.take(np.arange(4)), val=None))


def test_every_model_of_a_table_is_searched_and_what_is_stated_is_not(table: Path, tmp_path: Path) -> None:
    run = run_of(table, tmp_path)
    listed = searches(run, open_dataset(run))
    models = ["logistic-regression", "xgboost", "lightgbm", "catboost", "extra-trees", "mlp-plr"]
    assert [search.name for search in listed] == models
    network = listed[-1]
    assert {"lr", "batch_size", "model.width", "method.rho", "method.smoothing"} <= network.space.keys()
    stated = replace(run, model="mlp-plr(width=64)", method="tuned(rho=0.1)", lr=0.05)
    (search,) = searches(stated, open_dataset(run))
    assert not {"lr", "model.width", "method.rho"} & search.space.keys()
    made = search.run({"model.layers": 3, "method.smoothing": 0.02, "batch_size": 32})
    assert made.model == "mlp-plr(width=64, layers=3)"
    assert made.method == "tuned(rho=0.1, smoothing=0.02)"
    assert (made.batch_size, made.lr) == (32, 0.05)
    assert search.run({}) == search.start


def test_pictures_are_searched_over_size_augmentation_and_routine() -> None:
    run = Run("digits")
    (search,) = searches(run, open_dataset(run))
    assert isinstance(search.space["model"], Choice)
    assert {"lr", "weight_decay", "batch_size", "ema", "method.rho"} <= search.space.keys()
    assert search.space["policy"] == Choice(("none", "crop", "crop+erasing", "crop+cutmix"))  # nothing is mirrored
    assert search.default["policy"] == "none"
    assert search.run({"model": "resnet20"}).model == "resnet20"


def test_a_search_goes_on_where_it_stopped_and_its_default_comes_first(table: Path, tmp_path: Path) -> None:
    first = tuned(table, tmp_path / "s", trials=3)
    assert first.trials[0].settings == {}
    assert len(first.trials) == 3
    assert all(trial.settings for trial in first.trials[1:])
    more = tuned(table, tmp_path / "s", trials=5)
    assert more.trials[:3] == first.trials
    assert len(more.trials) == 5
    assert read_tuning(tmp_path / "s") == more


def test_a_search_on_other_data_or_of_other_settings_is_refused(table: Path, tmp_path: Path) -> None:
    tuned(table, tmp_path / "s", trials=1)
    with pytest.raises(TailtuneError, match="was started with model 'lightgbm'"):
        tuned(table, tmp_path / "s", trials=1, model="xgboost")
    other = tmp_path / "rows.csv"
    pl.read_csv(table).head(450).write_csv(other)
    changed = run_of(other, tmp_path / "s", model="lightgbm")
    with pytest.raises(TailtuneError, match="data"):
        tune(changed, trials=1, seeds=0, say=lambda _: None)
    with pytest.raises(TailtuneError, match="--trials must be 1 or more"):
        tuned(table, tmp_path / "t", trials=0)


def test_the_outcome_is_the_difference_on_the_rows_that_judge(table: Path, tmp_path: Path) -> None:
    result = tuned(table, tmp_path / "s", trials=4)
    done = [trial for trial in result.trials if trial.loss is not None]
    best = min(done, key=lambda trial: trial.loss or 0.0)
    assert result.chosen == {"lightgbm": best.settings}
    run = run_of(table, tmp_path)
    targets = for_search(run, open_dataset(run)).dataset.test.targets.numpy()

    def of(number: int) -> np.ndarray:
        judge = Made.read(tmp_path / "s" / "trials" / f"lightgbm-{number}.npz").judge
        return np.asarray(-np.log(judge[np.arange(len(targets)), targets]))

    gains = of(0) - of(best.number)
    assert result.judged.gain == pytest.approx(gains.mean())
    assert result.judged.error == pytest.approx(gains.std(ddof=1) / len(gains) ** 0.5)
    assert result.judged.better == (gains.mean() > 0)
    assert result.judged.promised == pytest.approx(best.loss)


def test_balanced_losses_count_classes_alike() -> None:
    probabilities, targets = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), np.array([0, 0, 1])
    weights = 1 / (2 * np.array([2 / 3, 1 / 3]))
    found = losses(probabilities, targets, weights).mean()
    assert found == pytest.approx((-np.log([0.9, 0.8]).mean() - np.log(0.3)) / 2)


def test_trials_that_fail_are_kept_with_their_reason(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = loop.attempt

    def failing(run: Run, *rest: Any) -> Made:
        if run.model != "lightgbm":
            raise TailtuneError("the learning rate is too high")
        return attempt(run, *rest)

    monkeypatch.setattr(loop, "attempt", failing)
    result = tuned(table, tmp_path / "s", trials=3)
    assert [trial.state for trial in result.trials] == ["complete", "failed", "failed"]
    assert result.trials[1].why == "the learning rate is too high"
    assert result.judged.gain == 0
    assert not result.judged.better


def test_the_final_run_has_the_chosen_settings_and_the_page_says_what_was_found(table: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run = run_of(table, tmp_path / "s", model="lightgbm", baselines=("majority",))
    result = tune(run, trials=10, seeds=1, say=said.append)
    final = Finished(tmp_path / "s" / "final-0")
    settings = result.chosen["lightgbm"] if result.judged.better else {}
    for name, value in settings.items():
        assert f"{name.removeprefix('model.')}={value!r}" in final.result.run.model
    page = write_page(tmp_path / "s", result).read_text()
    assert verdict(result).replace("\u2212", "-")[:40] in page
    assert "final-0/report.html" in page
    assert "What mattered" in page
    assert trials_table(result)
    again = tune(run, trials=10, seeds=1, say=said.append)  # nothing is left to do
    assert again.trials == result.trials


def test_several_models_make_a_portfolio_of_the_chosen() -> None:
    run = Run("rows.csv")
    listed = tuple(
        Search(name, replace(run, model=name, method="tuned" if name == "mlp-plr" else "erm"), {})
        for name in ("xgboost", "mlp-plr")
    )
    chosen = {"xgboost": {"model.max_depth": 4}, "mlp-plr": {"lr": 0.05, "model.width": 64}}
    final = engine._final(run, listed, chosen)
    assert final.model == "portfolio(members=('xgboost(max_depth=4)', 'mlp-plr(width=64)'))"
    assert (final.lr, final.method) == (0.05, "tuned")
    assert engine._final(run, listed, {}) == run


@pytest.mark.parametrize(
    ("gain", "error", "words"),
    [
        (0.02, 0.004, "The tuned settings are better than the default"),
        (0.004, 0.01, "The tuned settings cannot be told from the default"),
        (-0.01, 0.01, "Tuning is no better than the default"),
    ],
)
def test_the_verdict_says_how_sure_it_is(gain: float, error: float, words: str) -> None:
    judged = Judged(100, 0.3, 0.3 - gain, gain, error, 0.25, gain > 0)
    result = TuningResult(1, "tune", "tpe", "log_loss", (), (), judged, {"a": {"lr": 0.1}}, (), 1.0, {}, None)  # type: ignore[arg-type]
    assert verdict(result).startswith(words)


def test_where_no_trial_was_better_nothing_is_compared(table: Path, tmp_path: Path) -> None:
    said = verdict(tuned(table, tmp_path / "s", trials=1))
    assert said == "No trial was better than the default on the rows that choose: the default was taken."


def test_what_the_default_lacks_is_found_and_told_from_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 80))  # of which a split of the default looks at nine, and 79 are noise
    y = np.where(x[:, 0] + 0.3 * rng.normal(size=1500) > 1, "yes", "no")
    pl.DataFrame({**{f"x{j}": x[:, j] for j in range(80)}, "y": y}).write_csv(tmp_path / "rows.csv")
    model = "extra-trees(trees=30)"
    result = tuned(tmp_path / "rows.csv", tmp_path / "s", trials=8, model=model, ignore=())
    assert result.chosen[model]["model.max_features"] in (0.4, 0.7, 1.0)
    assert result.judged.better
    assert verdict(result).startswith("The tuned settings are better than the default on 240 rows")


def test_steps_are_the_trials_that_lowered_the_loss() -> None:
    trials = [
        Trial("a", 0, "default", {}, 0.5, 10.0, "complete"),
        Trial("b", 0, "default", {}, 0.6, 10.0, "complete"),
        Trial("a", 1, "published: otto", {"model.depth": 3}, None, 5.0, "pruned"),
        Trial("b", 1, "proposed", {"model.depth": 3}, 0.4, 5.0, "complete"),
    ]
    found = steps(trials)
    assert [(step.model, step.loss, step.seconds) for step in found] == [("a", "0.500", "10"), ("b", "0.400", "30")]
    assert found[1].gain.startswith("20.0")


@pytest.mark.parametrize("model", ["logistic-regression", "linear-svc", "histogram-boosting", "tabm"])
def test_every_model_of_tables_has_something_to_search(model: str, table: Path, tmp_path: Path) -> None:
    run = run_of(table, tmp_path, model=model)
    (search,) = searches(run, open_dataset(run))
    assert search.space
    assert (search.start.method == "erm") == (model != "tabm")
    assert ("lr" in search.space) == (model == "tabm")

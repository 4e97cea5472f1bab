"""The search space of a method, and trials that can be made again."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tailtune import Run, TailtuneError
from tailtune.compare import conduct_with_page
from tailtune.jobs.progress import Lines
from tailtune.methods.search import Log, Maybe, Space, Uniform, Whole
from tailtune.run.result import to_json
from tailtune.study import Arm, Study
from tailtune.study.plan import tuned_run
from tailtune.study.results import Search, Trial
from tailtune.study.study import check_study
from tailtune.study.tune import Tuning, score_of, space_of

RUN = Run("digits", method="focal", lr=0.1, weight_decay=1e-3)


def quiet(sentence: str) -> None:
    """Say nothing."""


def tuning(path: Path, trials: int, method: str = "focal") -> Tuning:
    run = Run("digits", method=method, lr=0.1, weight_decay=1e-3)
    return Tuning("key", run, "digits", method, trials, path / "trials.json", space_of(run))


def test_the_rates_are_searched_around_the_shared_ones_and_the_methods_own_settings_beside() -> None:
    space = space_of(RUN)
    assert space["lr"] == Log(0.01, 0.5)
    assert space["weight_decay"] == Log(1e-4, 1e-2)
    assert isinstance(space["gamma"], Uniform)
    assert space_of(Run("digits", method="erm", lr=0.1, weight_decay=0.0)).keys() == {"lr", "weight_decay"}
    assert "gamma" not in space_of(Run("digits", method="focal(gamma=1)", lr=0.1, weight_decay=1e-3))


def test_settings_are_chosen_by_the_objective_where_it_is_a_measure() -> None:
    objectives = ("macro_f1", "log_loss", "cost=costs.csv", None)
    found = [score_of(replace(RUN, objective=objective)) for objective in objectives]
    assert found == ["macro_f1", "log_loss", "balanced_accuracy", "balanced_accuracy"]


def test_a_method_must_not_search_the_shared_rates_itself(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from tailtune.methods.search import Log\nfrom tailtune.methods.method import Method\n"
        "SEARCH = {'lr': Log(0.1, 1)}\ndef own(profile, *, lr=0.1):\n    return Method('own')\n"
    )
    with pytest.raises(TailtuneError, match="must not name lr and weight_decay"):
        space_of(Run("digits", method=f"{file}:own", lr=0.1, weight_decay=0.0))


def test_proposals_lie_in_the_space_and_depend_on_the_trials_before_alone(tmp_path: Path) -> None:
    search, trials = tuning(tmp_path, 20), []
    for number in range(20):
        settings = search._proposed(trials)
        assert settings == tuning(tmp_path, 20)._proposed(trials)
        trials.append(Trial(settings, None if number == 3 else number / 20, None))
    assert trials[0].settings == {}
    for trial in trials[1:]:
        assert 0.01 <= trial.settings["lr"] <= 0.5
        assert 1e-4 <= trial.settings["weight_decay"] <= 1e-2
        assert 0 <= trial.settings["gamma"] <= 3
    assert len({trial.settings["lr"] for trial in trials[1:]}) == 19


def test_the_best_is_taken_within_the_budget(tmp_path: Path) -> None:
    made = tuple(Trial({"lr": float(i)}, score, None) for i, score in enumerate([0.5, None, 0.7, 0.9]))
    (tmp_path / "trials.json").write_bytes(to_json(Search("digits", "focal", "balanced_accuracy", made, {})))
    assert tuning(tmp_path, 3).best() == {"lr": 2.0}
    assert tuning(tmp_path, 4).best() == {"lr": 3.0}
    assert tuning(tmp_path, 2).best() == {"lr": 0.0}
    assert tuning(tmp_path, 4).done()
    assert not tuning(tmp_path, 5).done()
    (tmp_path / "trials.json").write_text("{")
    with pytest.raises(TailtuneError, match="delete it to tune anew"):
        tuning(tmp_path, 4).done()


def test_settings_go_where_they_belong() -> None:
    run = tuned_run(RUN, {"lr": 0.3, "weight_decay": 0.0, "gamma": 2.5})
    assert (run.lr, run.weight_decay, run.method) == (0.3, 0.0, "focal(gamma=2.5)")
    assert tuned_run(RUN, {}) == RUN


def test_settings_of_the_model_the_method_and_the_routine_go_where_they_belong() -> None:
    run = Run("adult", model="mlp(width=32)", method="sama(rho=0.1)", lr=0.1, weight_decay=1e-3)
    drawn = {"model.layers": 3, "model.dropout?": False, "model.dropout": 0.3, "method.rho": 0.2, "batch_size": 64}
    made = tuned_run(run, drawn)
    assert (made.model, made.method) == ("mlp(width=32, layers=3, dropout=0.0)", "sama(rho=0.2)")
    assert (made.batch_size, made.lr) == (64, 0.1)


def test_an_arm_may_say_where_it_is_searched(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = {f"x{i}": rng.normal(size=90) for i in range(2)}
    frame = pl.DataFrame({**numbers, "y": np.where(numbers["x0"] > 0, "high", "low")})
    frame.write_csv(tmp_path / "numbers.csv")
    space: Space = {"model.max_depth": Whole(2, 3), "model.reg_lambda": Maybe(Log(0.1, 10.0))}
    trees = Arm("trees", {"model": "xgboost(max_depth=5)", "method": "erm"}, space)
    study = Study(
        arms=(trees,), data=(str(tmp_path / "numbers.csv"),), target="y", seeds=1, jobs=1, tune_trials=3,
        selection="validation", objective="accuracy", routine="own", threads=1, out=str(tmp_path / "study"),
    )  # fmt: skip
    result = conduct_with_page(study, show=lambda what: nullcontext(Lines(quiet, what)), say=quiet).result
    (search,) = result.searches
    assert (search.score, len(search.trials), search.trials[0].settings) == ("accuracy", 3, {})
    assert all(trial.settings["model.max_depth"] in (2, 3) for trial in search.trials[1:])
    best = tuned_run(Run("numbers", model="xgboost(max_depth=5)"), search.best)
    assert result.rows[0]["model"] == best.model
    assert result.asked["search"] == {"trees": {name: repr(range_) for name, range_ in space.items()}}


def test_only_what_can_be_set_is_searched() -> None:
    arm = Arm("trees", {"model": "xgboost"}, {"max_depth": Whole(2, 3)})
    with pytest.raises(TailtuneError, match="cannot search 'max_depth'"):
        check_study(Study(arms=(arm,), data=("numbers",)))

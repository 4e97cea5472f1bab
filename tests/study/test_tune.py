"""The search space of a method, and trials that can be made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tailtune import Run, TailtuneError
from tailtune.methods.search import Log, Uniform
from tailtune.run.result import to_json
from tailtune.study.plan import tuned_run
from tailtune.study.results import Search, Trial
from tailtune.study.tune import Tuning, score_of, space_of

RUN = Run("digits", method="focal", lr=0.1, weight_decay=1e-3)


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

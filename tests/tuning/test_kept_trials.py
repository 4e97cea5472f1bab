"""Trials that several processes share: none is lost, none made twice, and that of a dead process is made anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted
from tailtune.jobs.claims import Claims
from tailtune.jobs.engine import CLAIMS
from tailtune.methods.search import Log, Maybe, Uniform
from tailtune.settings import Run
from tailtune.tuning import searching
from tailtune.tuning.kept_trials import DEFAULT, DIED, Begun, KeptTrials, Limits, Sampler
from tailtune.tuning.result import TuningResult, read_tuning
from tailtune.tuning.spaces import Search
from tailtune.tuning.trial import Made
from tailtune.tuning.tune import tune

SPACE = {"model.learning_rate": Log(0.01, 0.3), "method.tau": Maybe(Uniform(0.1, 1.0))}
NO_END = Limits(None, None)


def search(name: str = "a") -> Search:
    return Search(name, Run("rows.csv", model=name), SPACE, {"model.learning_rate": 0.5, "method.tau": 0.0})


def kept(folder: Path, *searches: Search, **first: tuple[tuple[str, dict[str, Any]], ...]) -> KeptTrials:
    listed = searches or (search(),)
    return KeptTrials.open(listed, folder, None, {one.name: first.get(one.name, ((DEFAULT, {}),)) for one in listed})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    rare = np.where(x[:, 0] + rng.normal(size=300) > 1.2, "yes", "no")
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": rare}).write_csv(path)
    return path


def tuned(
    table: Path, out: Path, trials: int, say: Callable[[str], object] = lambda _: None, **more: Any
) -> TuningResult:
    return tune(Run(str(table), target="y", model="lightgbm", out=str(out)), trials=trials, seeds=0, say=say, **more)


def distinct(result: TuningResult) -> int:
    return len({json.dumps(trial.settings, sort_keys=True) for trial in result.trials})


def test_first_trials_come_first_and_say_what_they_are(tmp_path: Path) -> None:
    first = ((DEFAULT, {}), ("published: adult", {"model.learning_rate": 0.2}))
    trials = kept(tmp_path, search(), a=first)
    with Claims(tmp_path / CLAIMS, 5) as claims:
        for origin, settings in (*first, ("proposed", None)):
            begun = trials.begin(NO_END, "tpe", claims)
            assert begun is not None
            assert begun.origin == origin
            assert settings is None or begun.settings == settings
            trials.end(begun, claims, 0.5 - 0.1 * begun.trial.number)
    found = kept(tmp_path, search()).trials()  # as another process sees them
    assert [(trial.number, trial.origin, trial.loss) for trial in found] == [
        (0, "default", 0.5),
        (1, "published: adult", 0.4),
        (2, "proposed", 0.3),
    ]
    assert found[2].settings.keys() == {"model.learning_rate", "method.tau"}  # no switch
    default = trials.studies["a"].get_trials()[0]
    assert default.params == {"model.learning_rate": 0.3, "method.tau?": False, "method.tau": 0.1}  # for the proposals


@pytest.mark.parametrize(("sampler", "count"), [("tpe", 24), ("gp", 10)])
def test_proposals_go_where_losses_are_low(sampler: Sampler, count: int, tmp_path: Path) -> None:
    trials = kept(tmp_path)
    with Claims(tmp_path / CLAIMS, 5) as claims:
        rates = []
        for _ in range(count):
            begun = trials.begin(NO_END, sampler, claims)
            assert begun is not None
            rate = float(begun.settings.get("model.learning_rate", 0.5))
            rates.append(rate)
            trials.end(begun, claims, abs(np.log(rate / 0.05)) + float(begun.settings.get("method.tau", 0.0)))
    far = np.abs(np.log(np.array(rates) / 0.05))
    assert np.median(far[-count // 3 :]) < np.median(far[: count // 3])
    assert trials.trials()[0].settings == {}


def test_two_processes_never_have_the_same_trial(tmp_path: Path) -> None:
    one, other = kept(tmp_path, search("a"), search("b")), kept(tmp_path, search("a"), search("b"))
    with Claims(tmp_path / CLAIMS, 5) as of_one, Claims(tmp_path / CLAIMS, 5) as of_other:
        begun: list[Begun] = []
        for _ in range(4):
            for trials, claims in ((one, of_one), (other, of_other)):
                found = trials.begin(Limits(None, 7), "tpe", claims)
                if found is not None:
                    begun.append(found)
        assert len({each.key for each in begun}) == len(begun) == 7
        assert {each.key for each in begun[:2]} == {"a-0", "b-0"}  # the defaults, side by side
        settings = [json.dumps([each.search.name, dict(each.settings)], sort_keys=True) for each in begun]
        assert len(set(settings)) == 7


def test_the_trial_of_a_dead_process_is_made_anew_but_not_for_ever(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    trials = kept(tmp_path)
    with Claims(tmp_path / CLAIMS, 5) as claims:
        for origin in (DEFAULT, DEFAULT, "proposed"):
            begun = trials.begin(NO_END, "tpe", claims)
            assert begun is not None
            assert begun.origin == origin  # the default, which killed two processes, is left then
            path = claims._held.pop(begun.key)
            path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": process.pid}))
            dead = trials.trials()
            assert len(dead) == (origin == "proposed")
        assert (dead[0].origin, dead[0].state, dead[0].why) == ("default", "failed", DIED)
        begun = trials.begin(NO_END, "tpe", claims)
        assert begun is not None
        assert begun.trial.params == trials.studies["a"].get_trials()[2].params
        trials.end(begun, claims, 0.1)
    assert [trial.loss for trial in trials.trials()] == [None, 0.1]


def test_a_stop_loses_nothing_and_counts_as_no_death(tmp_path: Path) -> None:
    trials = kept(tmp_path)
    with Claims(tmp_path / CLAIMS, 5) as claims:
        for _ in range(4):
            begun = trials.begin(Limits(None, 1), "tpe", claims)
            assert begun is not None
            assert begun.origin == DEFAULT
            trials.put_back(begun, claims)
        begun = trials.begin(Limits(None, 1), "tpe", claims)
        assert begun is not None
        trials.end(begun, claims, 0.2)
        assert trials.begin(Limits(None, 1), "tpe", claims) is None
    assert [(trial.origin, trial.loss) for trial in trials.trials()] == [(DEFAULT, 0.2)]


def test_a_stopped_search_says_how_to_go_on(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt, calls = searching.attempt, []

    def stopping(*arguments: Any) -> Made:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return attempt(*arguments)

    monkeypatch.setattr(searching, "attempt", stopping)
    with pytest.raises(Interrupted, match="stopped with 2 trials finished"):
        tuned(table, tmp_path / "s", 4)
    said: list[str] = []
    result = tuned(table, tmp_path / "s", 4, said.append)
    assert said[0].startswith("Going on from 2 trials; the best so far is lightgbm with a loss of ")
    assert distinct(result) == len(result.trials) == 4
    assert calls[2][0] == calls[3][0]  # the settings of the trial that was stopped


def test_several_processes_make_as_many_trials_as_one(table: Path, tmp_path: Path) -> None:
    said: list[str] = []
    result = tuned(table, tmp_path / "s", 5, said.append, jobs=2)
    assert said[0] == "2 processes search side by side."
    assert distinct(result) == len(result.trials) == 5
    assert {trial.state for trial in result.trials} == {"complete"}
    alone = tuned(table, tmp_path / "alone", 1)
    (default,) = (trial for trial in result.trials if trial.origin == DEFAULT)
    assert default.loss == alone.trials[0].loss  # to the bit, whichever process made it


@pytest.mark.faults
def test_a_killed_command_goes_on_without_losing_a_trial(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "s"
    script = (
        "import sys; from tailtune.tuning.tune import tune; from tailtune.settings import Run;"
        "tune(Run(sys.argv[1], target='y', model='lightgbm', out=sys.argv[2]), trials=400, seeds=0)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(table), str(out)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # the default is finished
    deadline = time.monotonic() + 60
    while len(list(out.glob("trials/*.npz"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    files = len(list(out.glob("trials/*.npz")))
    result = tuned(table, out, files + 2)
    assert files >= 4
    assert distinct(result) == len(result.trials) == files + 2
    assert read_tuning(out) == result
    for trial in result.trials:
        if trial.loss is not None:
            assert np.isfinite(Made.read(out / "trials" / f"lightgbm-{trial.number}.npz").choose).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"jobs": 0}, "--jobs must be 1 or more, however: 0"),
        ({"sampler": "grid"}, "--sampler must be tpe or gp, however: 'grid'"),
        ({"seeds": -1}, "--final-seeds must be 0 or more, however: -1"),
    ],
)
def test_impossible_options_are_refused(table: Path, tmp_path: Path, more: dict[str, Any], said: str) -> None:
    run = replace(Run(str(table), target="y", model="lightgbm"), out=str(tmp_path / "s"))
    with pytest.raises(TailtuneError, match=said):
        tune(run, **{"trials": 1, "seeds": 0, **more})
    assert not (tmp_path / "s").exists()

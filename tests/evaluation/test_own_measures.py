"""Measures from a person's own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tailtune.errors import TailtuneError
from tailtune.evaluation.bootstrap import intervals
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.own_measures import own_measures, try_out
from tailtune.profile import ClassProfile

OWN = '''
import numpy as np
from tailtune.evaluation.measure import Measure

def half_right(targets, probabilities, profile):
    """Half of the share of right answers.

    And more about it.
    """
    right = (probabilities.argmax(1) == targets).mean() / 2
    targets[:] = 0
    probabilities[:] = 0
    return right

def nothing(targets, probabilities, profile):
    return float("nan")

def fails(targets, probabilities, profile):
    return {}["key"]

def words(targets, probabilities, profile):
    return "many"

def weighted(scored):
    return lambda weights: weights.sum(axis=0) / 0.0 if scored.profile.num_classes == 2 else 1 / {}["k"]

class NoMeasure: pass

lists = [1]
epochs = half_right
accuracy = half_right

full = Measure(key="mean_top", words="Sureness", term="mean top probability", meaning="How sure.", short="Sure",
    value=lambda scored: scored.probabilities.max(1).mean(), applies=lambda profile: profile.num_classes == 2,
    places=("page",))
risky = Measure(key="risky", words="", term="", meaning="", short="", value=lambda scored: 1, resampled=weighted)
half_right.percent, half_right.term, half_right.least = True, "half the accuracy", 0.0
'''
Y = np.repeat([0, 1], [20, 10])
P = np.stack([np.linspace(0.9, 0.2, 30), np.linspace(0.1, 0.8, 30)], axis=1)
PROFILE = ClassProfile((90, 45))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN, encoding="utf-8")
    return str(path)


def test_a_function_becomes_a_measure_with_what_it_states(file: str) -> None:
    (half,) = own_measures([f"{file}:half_right"])
    assert (half.key, half.words, half.term) == ("half_right", "half right", "half the accuracy")
    assert half.meaning == "Half of the share of right answers."
    assert (half.percent, half.higher_is_better, half.least) == (True, True, 0.0)
    found = summarise(Y, P, PROFILE, [half, *MEASURES]).metrics  # it spoils its arguments, and not those of the others
    assert found["half_right"] == pytest.approx(found["accuracy"] / 2)
    assert found["balanced_accuracy"] == summarise(Y, P, PROFILE).metrics["balanced_accuracy"]
    found = intervals(Y, P, PROFILE, [half, *MEASURES], resamples=50)
    assert found["half_right"] == pytest.approx([end / 2 for end in found["accuracy"]])


def test_a_measure_of_full_control_is_taken_as_it_is(file: str) -> None:
    (full,) = own_measures([f"{file}:full"])
    assert summarise(Y, P, PROFILE, [full]).metrics["mean_top"] == pytest.approx(P.max(axis=1).mean())
    three = np.eye(3)[[0, 1, 2]]
    assert "mean_top" not in summarise([0, 1, 2], three, ClassProfile((3, 2, 1)), [full]).metrics


def test_what_is_not_finite_is_undefined(file: str) -> None:
    own = own_measures([f"{file}:nothing", f"{file}:risky"])
    assert summarise(Y, P, PROFILE, own).metrics["nothing"] is None
    with np.errstate(divide="ignore"):
        assert intervals(Y, P, PROFILE, own, resamples=5) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("half_rigth", "has no function 'half_rigth'. Did you mean 'half_right'"),
        ("lists", "must be a function or a Measure, however: list"),
        ("NoMeasure", "must be a function or a Measure, however: type"),
        ("epochs", "is called epochs, as something else is"),
        ("accuracy", "is called accuracy, as something else is"),
    ],
)
def test_what_is_no_measure_is_refused_in_one_line(name: str, words: str, file: str) -> None:
    with pytest.raises(TailtuneError, match=words) as caught:
        own_measures([f"{file}:{name}"])
    assert "\n" not in str(caught.value)


def test_names_without_a_file_and_names_given_twice_are_refused(file: str) -> None:
    with pytest.raises(TailtuneError, match="macro_f1 is one of tailtune's own measures"):
        own_measures(["macro_f1"])
    with pytest.raises(TailtuneError, match=r"'gain' names no measure; write path/to/file.py:name"):
        own_measures(["gain"])
    with pytest.raises(TailtuneError, match="is called mean_top, as something else is"):
        own_measures([f"{file}:full", f"{file}:full"])


def test_one_that_fails_is_heard_before_the_training_with_its_place(file: str) -> None:
    with pytest.raises(TailtuneError, match=r":fails' fails: KeyError: 'key' \(.*own.py, line 19\)"):
        try_out(own_measures([f"{file}:fails"]), Y, PROFILE)
    with pytest.raises(TailtuneError, match=r":words' must return a number or None, however: str"):
        try_out(own_measures([f"{file}:words"]), Y, PROFILE)
    three = np.eye(3)[[0, 1, 2]]
    with pytest.raises(TailtuneError, match=r":risky' fails: KeyError"):
        intervals([0, 1, 2], three, ClassProfile((3, 2, 1)), own_measures([f"{file}:risky"]))
    try_out(own_measures([f"{file}:half_right", f"{file}:nothing"]), Y, PROFILE)

"""The declarations fit together, and both ways to compute a measure agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import tailtune.evaluation.measures as package
from tailtune.evaluation.bootstrap import intervals
from tailtune.evaluation.measure import Measure, Place
from tailtune.evaluation.measures import _FIRST, BY_KEY, MEASURES, at, listed
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.scored import Scored, scored
from tailtune.profile import ClassProfile


def rows(support: tuple[int, ...], seed: int = 0) -> Scored:
    """Shuffled rows, `support` of each class, with probabilities rounded so that scores tie."""
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(support)), support))
    logits = rng.normal(size=(len(targets), len(support)))
    logits[np.arange(len(targets)), targets] += 1
    p = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2)
    return scored(targets, p / p.sum(axis=1, keepdims=True), ClassProfile(tuple(7 * n + 1 for n in support)))


def test_a_measure_is_the_file_of_its_name_and_is_listed_once() -> None:
    files = {path.stem for path in Path(str(package.__file__)).parent.glob("[!_]*.py")}
    assert [measure.key for measure in MEASURES] == list(BY_KEY)
    assert set(BY_KEY) == files


@pytest.mark.parametrize("place", get_args(Place))
def test_what_comes_first_in_a_place_is_shown_there(place: Place) -> None:
    first = _FIRST.get(place, ())
    assert at(place, MEASURES)[: len(first)] == list(first)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_a_measure_says_what_people_need_and_which_way_is_better(measure: Measure) -> None:
    assert measure.words
    assert measure.short
    assert measure.meaning.endswith(".")
    assert measure.term.endswith(", lower is better") != measure.higher_is_better
    assert measure.covers in ("", *BY_KEY)
    assert bool(measure.classes) == ("groups" in measure.places)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_what_is_almost_the_truth_is_better(measure: Measure) -> None:
    """Probabilities that are almost the truth move every measure the way that it calls better."""
    for worse in (rows((40, 12)), rows((40, 130, 12))):
        truth = np.eye(worse.profile.num_classes)[worse.targets]
        better = replace(worse, probabilities=0.05 * worse.probabilities + 0.95 * truth)
        if measure.applies(worse.profile) and measure.value(worse) is not None:
            low, high = measure.value(worse), measure.value(better)
            assert low is not None
            assert high is not None
            assert (high > low) == measure.higher_is_better
            assert measure.least <= low <= measure.most


@pytest.mark.parametrize("measure", [m for m in MEASURES if m.resampled], ids=lambda measure: measure.key)
def test_weighted_rows_and_repeated_rows_have_the_same_interval(measure: Measure) -> None:
    for made in (rows((30, 9)), rows((20, 9, 2))):
        both = (measure, replace(measure, key="slow", resampled=None))
        found = intervals(made.targets, made.probabilities, made.profile, both, resamples=40)
        defined = measure.applies(made.profile) and measure.value(made) is not None
        assert set(found) == ({measure.key, "slow"} if defined else set())
        if found:
            assert found[measure.key] == pytest.approx(found["slow"], abs=2e-6)


def test_a_measure_that_a_resample_leaves_undefined_has_no_interval() -> None:
    made = rows((20, 5))
    lone = int(made.by_class().probabilities[0, 0] * 1e6)

    def value(drawn: Scored) -> float | None:
        return 1.0 if (drawn.probabilities[:, 0] * 1e6).astype(int).tolist().count(lone) else None

    kept = Measure(key="kept", words="", term="", meaning="", short="", value=lambda drawn: 1.0)
    found = intervals(made.targets, made.probabilities, made.profile, [replace(kept, key="lost", value=value), kept])
    assert found == {"kept": (1.0, 1.0)}


def test_every_measure_is_computed_once_for_all_that_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    area = "tailtune.evaluation.scored.average_precision"
    monkeypatch.setattr(area, lambda scores, positive: counted.append(positive) or 0.5)
    made = rows((30, 9))
    assert scores(made)["auprc"] == scores(made)["macro_auprc"] == 0.5
    assert len(counted) == 2


def test_the_metric_of_the_protocol_comes_first_and_others_like_it_are_left_out() -> None:
    keys = [measure.key for measure in listed("page", MEASURES, "kappa")]
    assert keys[:2] == ["kappa", "auprc"]
    assert "auroc" not in keys
    assert keys.count("accuracy") == 1


def test_the_objective_comes_after_the_metric_of_the_protocol() -> None:
    keys = [measure.key for measure in listed("terminal", MEASURES, "kappa", "macro_f1")]
    assert keys[:2] == ["kappa", "macro_f1"]
    assert keys.count("macro_f1") == 1
    assert [measure.key for measure in listed("terminal", MEASURES, None, "cost=f.csv")] == [
        measure.key for measure in listed("terminal", MEASURES)
    ]

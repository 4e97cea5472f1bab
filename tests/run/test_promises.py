"""Sets and abstention on the test rows agree with counting, and hold what they promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from gaussian_classes import THREE, draw, posterior

from tailtune.decision.answers import weighing
from tailtune.decision.use import HeldOut
from tailtune.profile import ClassProfile, Floats
from tailtune.run.folder import Answered, Predictions
from tailtune.run.predictor import Predictor
from tailtune.run.promises import promises

BALANCE = np.array([0.7, 0.2, 0.1])
PROFILE = ClassProfile((700, 200, 100), ("a", "b", "c"))


def model(weights: Floats | None = None) -> Predictor:
    """A predictor of which only the answers are asked."""
    answer = None if weights is None else weighing(weights)
    return Predictor("table", PROFILE.names, cast("Any", None), "none", "32", cast("Any", None), answer=answer)


def made(predictor: Predictor, held: int = 3000, rows: int = 6000) -> Predictions:
    """Exact posteriors of validation and test rows."""
    val, test = draw(THREE, BALANCE, held, 1), draw(THREE, BALANCE, rows, 2)
    p = posterior(THREE, BALANCE, test.x)
    return Predictions(
        ids=np.arange(rows).astype(str),
        targets=test.targets,
        model=Answered(p, predictor.answers(p)),
        scores=p,
        implied=BALANCE,
        held_out=HeldOut(posterior(THREE, BALANCE, val.x), val.targets),
    )


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 4.0])])
def test_levels_count_the_surest_rows(weights: Floats | None) -> None:
    predictions = made(model(weights))
    found = promises(model(weights), PROFILE, predictions, refitted=False)
    assert found is not None
    assert predictions.held_out is not None
    p, y, answers = predictions.model.probabilities, predictions.targets, predictions.model.answers
    for level, share in zip(found.levels, (1.0, 0.9, 0.75, 0.5, 0.25), strict=True):
        assert level.expected == pytest.approx(share, abs=1e-3)
        assert level.threshold is not None
        answered = p[np.arange(len(y)), answers] > level.threshold
        assert level.answered == answered.mean() == pytest.approx(share, abs=0.03)
        assert level.wrong == (answers != y)[answered].mean()
        assert level.rare == answered[y == 2].mean()
    wrong = [level.wrong or 0.0 for level in found.levels]
    assert wrong == sorted(wrong, reverse=True)
    assert found.kept is not None
    assert (found.kept.wrong or 0.0) < 1.1 * found.error
    assert found.error == pytest.approx(wrong[0] / 2, abs=0.01)


def test_sets_hold_every_class_as_often_as_is_promised() -> None:
    predictions = made(model())
    found = promises(model(), PROFILE, predictions, refitted=True)
    assert found is not None
    assert (found.sets.needed, found.refitted) == (9, True)
    for entry in found.sets.classes:
        assert entry.promised
        assert entry.covered == pytest.approx(0.9, abs=0.05)
    assert 1 < found.sets.size < 3
    assert [entry.rows for entry in found.sets.classes] == np.bincount(predictions.targets).tolist()


def test_a_class_of_too_few_rows_is_in_every_set_and_said_to_be() -> None:
    predictions = made(model())
    assert predictions.held_out is not None
    kept = np.append(
        np.flatnonzero(predictions.held_out.targets < 2), np.flatnonzero(predictions.held_out.targets == 2)[:8]
    )
    few = HeldOut(predictions.held_out.probabilities[kept], predictions.held_out.targets[kept])
    found = promises(model(), PROFILE, replace(predictions, held_out=few), refitted=False)
    assert found is not None
    rare = found.sets.classes[2]
    assert (rare.calibration_rows, rare.promised, rare.covered) == (8, False, 1.0)


def test_where_nothing_can_be_promised_it_says_so() -> None:
    predictions = made(model(), held=40)
    found = promises(model(), PROFILE, predictions, refitted=False)
    assert found is not None
    assert found.kept is not None
    assert (found.kept.threshold, found.kept.answered, found.kept.wrong) == (None, 0.0, None)
    assert found.note.startswith("Nothing is answered")
    assert promises(model(), PROFILE, replace(predictions, held_out=None), refitted=False) is None


def test_without_a_wrong_answer_there_is_nothing_to_keep_down() -> None:
    predictions = made(model())
    assert predictions.held_out is not None
    right = replace(predictions.held_out, targets=predictions.held_out.probabilities.argmax(axis=1))
    found = promises(model(), PROFILE, replace(predictions, held_out=right), refitted=False)
    assert found is not None
    assert (found.kept, found.error, found.note) == (None, 0.0, "")

"""What is fitted for each objective, on constructed rows, and when nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gaussian_classes import THREE, draw, posterior, profile

from tailtune.decision.answers import Budget, LeastCost, Threshold, Utility
from tailtune.decision.costs import Costs
from tailtune.decision.deployment import train_balance
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, Use, fit_use
from tailtune.profile import ClassProfile, Floats

BALANCE = np.array([0.7, 0.2, 0.1])
EQUAL = np.full(3, 1 / 3)
PAIR = ClassProfile((900, 100), ("legit", "fraud"))


def gaussian(objective: str, rows: int = 1500, seed: int = 0, **asked: Any) -> tuple[Use, Floats]:
    """What is fitted on exact posteriors, and posteriors of other rows."""
    held_out = draw(THREE, BALANCE, rows, seed)
    given = HeldOut(posterior(THREE, BALANCE, held_out.x), held_out.targets)
    use = fit_use(Asked(read_objective(objective), **asked), BALANCE, profile(BALANCE), given)
    return use, posterior(THREE, BALANCE, draw(THREE, BALANCE, 500, seed + 1).x)


def test_nothing_is_made_of_scores_without_a_decision() -> None:
    use, p = gaussian("balanced_accuracy", mode="none", deployment=EQUAL)
    np.testing.assert_allclose(use.recalibration(p), p, rtol=1e-12)
    np.testing.assert_array_equal(use.answer(p), p.argmax(axis=1))
    weighted = fit_use(Asked(read_objective("accuracy"), mode="none"), EQUAL, profile(BALANCE), None)
    np.testing.assert_allclose(weighted.recalibration(p), p, rtol=1e-12)


@pytest.mark.parametrize("mode", ["prior", "fitted"])
def test_balanced_accuracy_answers_what_is_likeliest_among_equal_classes(mode: Any) -> None:
    """Wherever probabilities are meant for, the answers are those of Bayes' rule at equal classes."""
    wanted = None
    for deployment in (None, np.array([0.2, 0.2, 0.6])):
        use, p = gaussian("balanced_accuracy", mode=mode, deployment=deployment)
        answers = use.answer(use.recalibration(p))
        wanted = (p / BALANCE).argmax(axis=1) if wanted is None else wanted
        assert (answers == wanted).mean() > (0.97 if mode == "fitted" else 0.9999)


def test_log_loss_and_accuracy_answer_the_likeliest_class_in_use() -> None:
    for objective in ("log_loss", "accuracy"):
        use, p = gaussian(objective, deployment=EQUAL, mode="prior")
        np.testing.assert_array_equal(use.answer(use.recalibration(p)), (p / BALANCE).argmax(axis=1))


def test_costs_are_expected_in_use() -> None:
    costs = np.array([[0.0, 1.0, 1.0], [5.0, 0.0, 1.0], [50.0, 1.0, 0.0]])
    use, p = gaussian("cost=costs.csv", costs=Costs(tuple(map(tuple, costs.tolist()))))
    assert isinstance(use.answer, LeastCost)
    q = use.recalibration(p)
    np.testing.assert_array_equal(use.answer(q), (q @ costs).argmin(axis=1))


def test_weights_are_not_searched_at_another_balance_for_a_class_of_few_rows() -> None:
    rows = draw(THREE, BALANCE, 300, 0)
    kept = np.concatenate([np.flatnonzero(rows.targets < 2), np.flatnonzero(rows.targets == 2)[:4]])
    held_out = HeldOut(posterior(THREE, BALANCE, rows.x)[kept], rows.targets[kept])
    moved = fit_use(Asked(read_objective("macro_f1"), np.full(3, 1 / 3)), BALANCE, profile(BALANCE), held_out)
    np.testing.assert_array_equal(moved.answer(held_out.probabilities), held_out.probabilities.argmax(axis=1))
    assert any("has 4 of these, and it takes 5 of each class" in note for note in moved.notes)
    stays = fit_use(Asked(read_objective("macro_f1")), BALANCE, profile(BALANCE), held_out)
    assert not stays.notes


def test_macro_f1_is_searched_on_held_out_rows() -> None:
    use, _ = gaussian("macro_f1")
    assert isinstance(use.answer, Utility)
    weights = use.answer.utility.diagonal()
    assert weights[2] > weights[0], "the rare class is answered more readily"
    assert use.rows == 1500


def test_a_budget_belongs_to_the_rarest_class() -> None:
    use, p = gaussian("precision@budget=20")
    assert isinstance(use.answer, Budget)
    assert (use.answer(use.recalibration(p)) == 2).sum() == 20


def in_two(scores: list[float], frauds: list[int], precision: float) -> Use:
    """What is fitted on rows of these probabilities of fraud, some of which are frauds, as they are."""
    p = np.array(scores)
    held_out = HeldOut(np.stack([1 - p, p], axis=1), np.isin(np.arange(len(p)), frauds).astype(np.int64))
    asked = Asked(read_objective(f"recall@precision={precision}"))
    return fit_use(asked, train_balance(PAIR), PAIR, held_out)


def brute_force(use: Use, scores: list[float], frauds: list[int], precision: float) -> Floats:
    """Mark the rows that the lowest threshold with that precision, in the balance in use, answers."""
    p = np.array(scores)
    found = use.recalibration(np.stack([1 - p, p], axis=1))[:, 1]
    true = np.isin(np.arange(len(p)), frauds)
    q = np.where(true, 0.1 / true.sum(), 0.9 / (~true).sum())  # each class as heavy as in use
    enough = [cut for cut in np.unique(found) if (q * true)[found >= cut].sum() / q[found >= cut].sum() >= precision]
    return np.asarray(found >= min(enough))


@pytest.mark.parametrize("precision", [0.3, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_recall_at_a_precision_takes_the_lowest_threshold_that_keeps_it(precision: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frauds = rng.choice(60, 8, replace=False).tolist()
    scores = np.round(np.where(np.isin(np.arange(60), frauds), rng.beta(3, 2, 60), rng.beta(1, 4, 60)), 1)
    scores = np.clip(scores, 0.01, 0.99)  # in tenths, so that many are equal
    scores[frauds[0]], scores[frauds[1]] = 0.999, 0.999  # some threshold is precise
    use = in_two(scores.tolist(), frauds, precision)
    assert isinstance(use.answer, Threshold)
    assert not use.notes
    answers = use.answer(use.recalibration(np.stack([1 - scores, scores], axis=1)))
    np.testing.assert_array_equal(answers == 1, brute_force(use, scores.tolist(), frauds, precision))


def test_a_precision_out_of_reach_is_said() -> None:
    scores = [0.9, 0.8, 0.8, 0.7, *[0.1] * 36]
    use = in_two(scores, [2, 3, 20, 21], 0.99)
    assert len(use.notes) == 1
    assert "No threshold finds 'fraud' with a precision of 0.99 on the 40 held-out rows" in use.notes[0]
    assert isinstance(use.answer, Threshold)


@pytest.mark.parametrize(
    ("held_out", "found"), [(None, "there are none"), (HeldOut(np.full((29, 3), 1 / 3), np.arange(29) % 3), "are 29")]
)
def test_nothing_is_fitted_without_thirty_rows(held_out: HeldOut | None, found: str) -> None:
    asked = Asked(read_objective("macro_f1"), deployment=EQUAL)
    use = fit_use(asked, BALANCE, profile(BALANCE), held_out)
    assert (use.form, use.rows) == ("none", 0)
    assert found in use.notes[0]
    p = posterior(THREE, BALANCE, draw(THREE, BALANCE, 50, 0).x)
    np.testing.assert_allclose(use.recalibration(p), (p / BALANCE) / (p / BALANCE).sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(use.answer(p), p.argmax(axis=1))


def test_a_measure_of_ones_own_decides() -> None:
    """A score that only counts the hits of the rare class has it answered always."""

    def rare_hits(targets: np.ndarray, answers: np.ndarray, weights: np.ndarray) -> float:
        return float((weights * ((targets == 2) & (answers == 2))).sum())

    use, p = gaussian("some/file.py:rare_hits", score=rare_hits)
    assert (use.answer(use.recalibration(p)) == 2).mean() > 0.5

"""Operating points and other class balances agree with counting and with rows drawn at the balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tailtune.data.amounts import Amounts
from tailtune.decision.costs import Costs
from tailtune.decision.objective import read_objective
from tailtune.decision.recalibration import Recalibration, unfitted
from tailtune.decision.use import Asked, HeldOut, fit_use
from tailtune.evaluation.bill import bill
from tailtune.evaluation.metrics import summarise
from tailtune.profile import ClassProfile
from tailtune.run.balances import at_balances
from tailtune.run.folder import Answered, Predictions
from tailtune.run.points import operating_points

TWO = ClassProfile((900, 100), ("common", "rare"))


def rows(shares: tuple[float, ...], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities that are calibrated at these shares."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(len(shares), n, p=shares)
    evidence = rng.normal(size=(n, len(shares)))
    evidence[np.arange(n), targets] += 1.5
    p = np.asarray(shares) * np.exp(1.5 * evidence)
    return targets, p / p.sum(axis=1, keepdims=True)


def used(
    objective: str, profile: ClassProfile = TWO, amounts: Amounts | None = None, **changes: object
) -> tuple[Asked, Recalibration, Predictions]:
    """A decision fitted on held-out rows, and predictions for test rows of the same balance."""
    shares = tuple(profile.priors)
    val, test = rows(shares, 3000, 1), rows(shares, 3000, 2)
    asked = replace(Asked(read_objective(objective)), **changes)
    held_out = HeldOut(val[1], val[0])
    use = fit_use(asked, profile.priors, profile, held_out)
    probabilities = use.recalibration(test[1])
    made = Predictions(
        ids=np.arange(len(test[0])).astype(str),
        targets=test[0],
        model=Answered(probabilities, use.answer(probabilities, amounts)),
        scores=test[1],
        implied=profile.priors,
        held_out=held_out,
        amounts=amounts,
    )
    return asked, use.recalibration, made


@pytest.mark.parametrize(
    ("objective", "rules"),
    [
        ("macro_f1", ["scores", "accuracy", "macro_f1", "balanced_accuracy"]),
        ("auprc", ["scores", "accuracy", "auprc", "balanced_accuracy"]),
        ("log_loss", ["scores", "log_loss", "macro_f1", "balanced_accuracy"]),
        ("recall@precision=0.7", ["scores", "accuracy", "macro_f1", "balanced_accuracy", "recall@precision=0.7"]),
    ],
)
def test_the_answers_of_the_run_are_one_of_the_points(objective: str, rules: list[str]) -> None:
    asked, recalibration, made = used(objective)
    points = operating_points(asked, recalibration, TWO, made)
    assert [point.rule for point in points] == rules
    [chosen] = [point for point in points if point.chosen]
    assert chosen.rule == objective
    found = summarise(made.targets, made.model.probabilities, TWO, answers=made.model.answers).metrics
    assert (chosen.accuracy, chosen.macro_f1) == (found["accuracy"], found["macro_f1"])
    assert chosen.found + chosen.false_alarms == chosen.alarms == (made.model.answers == 1).sum()
    assert chosen.found + chosen.missed == (made.targets == 1).sum()
    by_rule = {point.rule: point for point in points}
    recall = {rule: point.found for rule, point in by_rule.items()}
    assert recall["balanced_accuracy"] > recall["scores"]  # balanced accuracy asks for more alarms
    assert {point.cost for point in points} == {None}


def test_scores_as_they_come_are_one_point_and_have_no_other_balance() -> None:
    asked, recalibration, made = used("macro_f1", mode="none")
    [point] = operating_points(asked, recalibration, TWO, made)
    assert (point.rule, point.chosen) == ("scores", True)
    assert at_balances(asked, recalibration, TWO, made, 20) == ()


def test_answers_for_a_cost_are_the_cheapest_point() -> None:
    asked, recalibration, made = used("cost=costs.csv", costs=Costs(((0.0, 1.0), (8.0, 0.0))))
    points = operating_points(asked, recalibration, TWO, made)
    [chosen] = [point for point in points if point.chosen]
    assert chosen.cost == pytest.approx((8 * chosen.missed + chosen.false_alarms) / len(made.targets))
    assert chosen.cost == min(point.cost or 0.0 for point in points)


def test_answers_for_a_cost_of_the_row_are_cheaper_than_those_of_its_mean() -> None:
    """The amount of a row says nothing of its class, and yet which rows are worth an alarm."""
    amount = np.random.default_rng(0).lognormal(1.5, 1.5, 3000)
    costs = Costs(((0.0, 1.0), ("amount", 0.0)))
    asked, recalibration, made = used("cost=costs.csv", costs=costs, amounts=Amounts(("amount",), amount[:, None]))
    answers, probabilities = made.model.answers, made.model.probabilities
    np.testing.assert_array_equal(answers, probabilities[:, 1] * amount > probabilities[:, 0])
    points = operating_points(asked, recalibration, TWO, made)
    [chosen] = [point for point in points if point.chosen]
    paid = np.where(answers == 1, made.targets == 0, (made.targets == 1) * amount)
    assert chosen.cost == pytest.approx(paid.mean())
    by_mean = (probabilities[:, 1] * amount.mean() > probabilities[:, 0]).astype(np.int64)
    assert chosen.cost < np.where(by_mean == 1, made.targets == 0, (made.targets == 1) * amount).mean()
    assert chosen.cost == min(point.cost or 0.0 for point in points)


def test_the_balance_in_use_has_the_figures_of_the_test_rows() -> None:
    asked, recalibration, made = used("balanced_accuracy")
    made = replace(made, targets=np.repeat([0, 1], [2700, 300]))  # exactly the balance in use, so no row weighs more
    found = at_balances(asked, recalibration, TWO, made, 100)
    assert [each.words for each in found] == ["1 %", "5 %", "10 %", "25 %", "50 %"]
    [here] = [each for each in found if each.in_use]
    stated = summarise(made.targets, made.model.probabilities, TWO, answers=made.model.answers).metrics
    assert here.words == "10 %"
    for key in ("log_loss", "balanced_accuracy", "macro_f1"):
        assert here.metrics[key] == pytest.approx(stated[key], abs=1e-6)
        low, high = here.intervals[key]
        assert low < stated[key] < high


def test_weighted_rows_reach_what_rows_of_the_balance_do() -> None:
    asked, recalibration, made = used("balanced_accuracy")
    found = {each.words: each for each in at_balances(asked, recalibration, TWO, made, 100)}
    targets, p = rows((0.9, 0.1), 60_000, 3)
    kept = (targets == 1) | (np.random.default_rng(0).random(60_000) < 1 / 3)  # 25 % of the rows that are left
    moved = recalibration.towards(np.array([0.75, 0.25]))(p[kept])
    answers = (moved * [1 / 0.75, 1 / 0.25]).argmax(axis=1)
    stated = summarise(targets[kept], moved, TWO, answers=answers).metrics
    for key in ("log_loss", "macro_f1", "balanced_accuracy"):
        low, high = found["25 %"].intervals[key]
        assert low - 0.01 < stated[key] < high + 0.01
    recall = [each.metrics["recall"] for each in found.values()]
    precision = [each.metrics["precision"] or 0.0 for each in found.values()]
    assert recall == pytest.approx([recall[0]] * 5)  # at every balance the same rows are named
    assert precision == sorted(precision)


def test_several_classes_stand_at_the_training_balance_and_at_equal_ones() -> None:
    profile = ClassProfile((600, 300, 100))
    asked, recalibration, made = used("macro_f1", profile)
    found = at_balances(asked, recalibration, profile, made, 50)
    assert [(each.words, each.in_use) for each in found] == [("as in training", True), ("all classes alike", False)]
    stated = replace(asked, deployment=np.array([0.2, 0.2, 0.6]))
    moved = unfitted(profile.priors, profile, stated.deployment)
    assert [each.words for each in at_balances(stated, moved, profile, made, 50)][-1] == "as stated"


def test_a_class_without_test_rows_has_no_figures_at_a_balance_that_speaks_of_it() -> None:
    asked, recalibration, made = used("macro_f1")
    assert at_balances(asked, recalibration, TWO, replace(made, targets=np.zeros_like(made.targets)), 20) == ()


@pytest.mark.parametrize("mode", ["fitted", "prior", "none"])
def test_a_budget_is_one_more_point_and_not_a_second_one_where_it_is_the_objective(mode: str) -> None:
    asked, recalibration, made = used("macro_f1", mode=mode)
    *others, point = operating_points(asked, recalibration, TWO, made, budget=50)
    assert others == list(operating_points(asked, recalibration, TWO, made))
    likeliest = np.argsort(-made.scores[:, 1], kind="stable")[:50]
    assert (point.rule, point.words, point.chosen) == ("precision@budget=50", "a budget of 50 cases", False)
    assert (point.alarms, point.found) == (50, (made.targets[likeliest] == 1).sum())
    asked, recalibration, made = used("precision@budget=50")
    points = operating_points(asked, recalibration, TWO, made, budget=50)
    assert [each.chosen for each in points if each.rule == "precision@budget=50"] == [True]
    (every,) = [each for each in operating_points(asked, recalibration, TWO, made, budget=9999) if each.alarms > 2000]
    assert every.alarms == len(made.targets)


def test_at_a_stated_balance_precision_and_cost_are_those_of_rows_drawn_at_it() -> None:
    costs = Costs(((0.0, 1.0), (5.0, 0.0)))
    asked, recalibration, made = used("cost=x", costs=costs, deployment=np.array([0.97, 0.03]), stated="asked")
    rng, wanted = np.random.default_rng(0), 40_000
    drawn = np.concatenate(
        [rng.choice(np.flatnonzero(made.targets == k), round(wanted * q)) for k, q in enumerate((0.97, 0.03))]
    )
    for point in operating_points(asked, recalibration, TWO, made, budget=100):
        if point.chosen:
            answers, targets = made.model.answers[drawn], made.targets[drawn]
            matrix = np.array([[0.0, 1.0], [5.0, 0.0]])
            assert point.precision_in_use == pytest.approx((targets == 1)[answers == 1].mean(), abs=0.03)
            assert point.cost_in_use == pytest.approx(matrix[targets, answers].mean(), abs=0.01)
        assert point.precision_in_use is not None
        assert point.precision is not None
        assert point.precision_in_use < point.precision


def test_where_nobody_stated_a_balance_there_are_no_figures_in_use() -> None:
    asked, recalibration, made = used("macro_f1")
    for point in operating_points(asked, recalibration, TWO, made):
        assert point.precision_in_use is point.cost_in_use is None


def test_a_bill_at_the_balance_in_use_weighs_its_rows() -> None:
    costs = np.array([[0.0, 1.0], [0.0, 1.0], [4.0, 0.0]])
    answers, scores = np.array([0, 1, 0]), np.eye(2)[[0, 0, 1]]
    found = bill(costs, answers, scores, ("no", "yes"), np.array([1.4, 1.4, 0.2]))
    assert found.total == 5.0
    assert found.mean == pytest.approx((1.4 * 1 + 0.2 * 4) / 3)
    assert found.likeliest == 0.0
    assert (found.constant, found.always) == ("no", pytest.approx(0.2 * 4 / 3))
    assert found.weighted

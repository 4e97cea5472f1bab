"""The part of a run's page about its decision: operating points, other class balances, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.decision.costs import Costs
from tailtune.evaluation.bill import Bill
from tailtune.evaluation.measures import BY_KEY
from tailtune.profile import ClassProfile
from tailtune.report.measure_words import Side, show, show_change, show_interval, side
from tailtune.report.rendering import sentence
from tailtune.report.run_page import figures
from tailtune.report.run_page.verdict import SENTENCES
from tailtune.run.balances import AtBalance
from tailtune.run.folder import Predictions
from tailtune.run.points import OperatingPoint
from tailtune.run.result import Result, SystemResult
from tailtune.words import number, percent, whole

RECALL, PRECISION = BY_KEY["tail_accuracy"], BY_KEY["accuracy"]  # shares, written alike


@dataclass(frozen=True)
class PointRow:
    """An operating point: counts of alarms, then shares, and the mean cost of an answer where there are costs."""

    words: str
    chosen: bool
    counts: tuple[str, ...]
    shares: tuple[str, ...]
    cost: str


@dataclass(frozen=True)
class SameRow:
    """Recall of the model and of a baseline at one number of alarms."""

    label: str
    alarms: str
    ours: str
    theirs: str
    change: str
    interval: str
    side: Side


@dataclass(frozen=True)
class BalanceRow:
    """The model at a class balance: figures with their intervals."""

    words: str
    in_use: bool
    cells: tuple[tuple[str, str], ...]


def cases(by_size: Sequence[str], profile: ClassProfile) -> str:
    """The rarest classes in words, of the names from the largest class in training to the smallest."""
    return sentence(SENTENCES, "cases", rare=by_size[-len(profile.tail) :])


def paid(bill: Bill, rows: int) -> str:
    """What the answers to so many rows cost, in a sentence."""
    return sentence("decision.txt.j2", "paid", bill=bill, rows=rows)


def operating(result: Result) -> list[PointRow]:
    """The operating points, a row each."""
    return [_point(point) for point in result.points]


def _point(point: OperatingPoint) -> PointRow:
    counts = (point.alarms, point.found, point.missed, point.false_alarms)
    in_use = point.precision if point.precision_in_use is None else point.precision_in_use
    shares = (percent(in_use), percent(point.accuracy), percent(point.balanced_accuracy))
    paid_for = point.cost if point.cost_in_use is None else point.cost_in_use
    cost = "" if paid_for is None else number(paid_for)
    return PointRow(point.words, point.chosen, tuple(map(whole, counts)), (*shares, number(point.macro_f1)), cost)


def same_alarms(baselines: Sequence[SystemResult]) -> list[SameRow]:
    """What each baseline finds at the model's number of alarms."""
    rows = []
    for system in baselines:
        same = system.same_alarms
        if same is not None:
            low, high = (show_change(RECALL, end) for end in same.difference.interval)
            change, judged = show_change(RECALL, same.difference.difference), side(RECALL, same.difference.interval)
            ours, theirs = percent(same.model), percent(same.baseline)
            rows.append(SameRow(system.label, whole(same.alarms), ours, theirs, change, f"{low} to {high}", judged))
    return rows


def balances(result: Result) -> list[BalanceRow]:
    """The model at several class balances, a row each."""
    return [BalanceRow(each.words, each.in_use, tuple(_cells(each))) for each in result.balances]


def _cells(at: AtBalance) -> list[tuple[str, str]]:
    measures = {
        "log_loss": BY_KEY["log_loss"],
        "recall": RECALL,
        "precision": PRECISION,
        "macro_f1": BY_KEY["macro_f1"],
    }
    return [(show(m, at.metrics[key]), show_interval(m, at.intervals.get(key))) for key, m in measures.items()]


def cost_curve(result: Result, made: Predictions, systems: Sequence[SystemResult]) -> str | None:
    """The cost of two classes by threshold, of the model and the trained baselines; None where it is not asked for."""
    costs = result.decision.costs
    if costs is None or len(result.data.names) > 2:
        return None
    rare = int(result.data.profile.tail[-1])
    answered = [made.model, *(made.baselines[system.name] for system in systems[1:])]
    paid_for = next((point for point in result.points if point.chosen), None)
    columns = [each.probabilities[:, rare] for each in answered]
    weighted = result.bill is not None and result.bill.weighted
    weights = np.asarray(result.decision.deployment)[made.targets] / np.bincount(made.targets)[made.targets]
    return figures.cost_curve(
        columns,
        Costs(costs).of(made.targets, made.amounts),
        rare,
        None if paid_for is None else paid_for.cost_in_use if weighted else paid_for.cost,
        weights if weighted else None,
    )

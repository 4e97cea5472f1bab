"""The tables of a run's page that have a column a system: headline figures, groups of classes, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import MEASURES, at
from tailtune.report.measure_words import Side, show, show_change, show_interval, side, term_of
from tailtune.run.result import SystemResult, TrainingRecord
from tailtune.words import number, percent


@dataclass(frozen=True)
class Cell:
    """What a system reaches by a measure; beside a baseline, how far the model is from it."""

    value: str
    interval: str
    change: str = ""
    change_interval: str = ""
    side: Side = "unclear"


@dataclass(frozen=True)
class Row:
    """A measure and a cell a system."""

    measure: Quantity
    term: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class GroupRow:
    """A group of classes and the share of its rows that each system answers rightly."""

    word: str
    meaning: str
    shares: tuple[str, ...]


def headline(
    systems: Sequence[SystemResult], measures: Sequence[Quantity], published: str | None, names: Sequence[str]
) -> list[Row]:
    """A row a measure that the model has.

    Args:
        systems: the model first.
        measures: to show.
        published: key of the measure by which published results are compared.
        names: of the classes, from the largest in training to the smallest.
    """
    model = systems[0]
    covered = {measure.covers for measure in measures if measure.key in model.metrics}
    rows = []
    for measure in measures:
        if model.metrics.get(measure.key) is None or measure.key in covered:
            continue
        term = term_of(measure, names) + ", by which published results are compared" * (measure.key == published)
        if measure.key == "auprc":
            term += f"; a guess scores {number(model.metrics['prevalence'])}, its prevalence"
        rows.append(Row(measure, term, tuple(_cell(system, measure) for system in systems)))
    return rows


def _cell(system: SystemResult, measure: Quantity) -> Cell:
    value = show(measure, system.metrics.get(measure.key))
    interval = show_interval(measure, system.intervals.get(measure.key))
    difference = system.difference.get(measure.key)
    if difference is None:
        return Cell(value, interval)
    low, high = (show_change(measure, end) for end in difference.interval)
    change = show_change(measure, difference.difference)
    return Cell(value, interval, change, f"{low} to {high}", side(measure, difference.interval))


def groups(systems: Sequence[SystemResult]) -> list[GroupRow]:
    """Accuracy on the rows of head, tail, many-, medium- and few-shot classes, where there are any."""
    return [
        GroupRow(
            measure.short,
            measure.classes,
            tuple(show(measure, system.metrics.get(measure.key)) for system in systems),
        )
        for measure in at("groups", MEASURES)
    ]


@dataclass(frozen=True)
class MemberRow:
    """A model of a portfolio: its weight, and what it reaches on rows that it has not seen."""

    name: str
    weight: str
    log_loss: str
    average_precision: str
    seconds: str
    share: str


def members(training: TrainingRecord) -> list[MemberRow]:
    """A row a model of the portfolio, the weightiest first; none of another model."""
    whole = sum(member.seconds for member in training.portfolio)
    return [
        MemberRow(
            member.name,
            percent(member.weight, 0),
            number(member.log_loss),
            number(member.average_precision),
            f"{member.seconds:.1f}",
            percent(member.seconds / max(whole, 1e-9), 0),
        )
        for member in sorted(training.portfolio, key=lambda member: -member.weight)
    ]


def calibration(system: SystemResult) -> dict[str, str]:
    """How far the stated probabilities of a system can be believed, by the words for it."""
    sure = sum(entry.count * entry.confidence for entry in system.reliability if entry.confidence is not None)
    return {
        "stated probability, mean": percent(sure / sum(entry.count for entry in system.reliability)),
        "answers right": percent(system.metrics["accuracy"]),
        "calibration error (ECE)": percent(system.metrics["ece"]),
        "class-wise calibration error": percent(system.metrics["classwise_ece"], 2),
        "log loss": number(system.metrics["log_loss"]),
    }

"""What `fit` and `evaluate` print: the verdict and the headline figures of a run, and the scores on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from tailtune.evaluation.alarms import count_alarms
from tailtune.evaluation.bootstrap import Interval
from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import MEASURES, listed
from tailtune.evaluation.metrics import ClassResult, by_size
from tailtune.report.measure_words import term_of
from tailtune.report.rendering import sentence
from tailtune.report.run_page.decision import paid
from tailtune.report.run_page.tables import members
from tailtune.report.run_page.verdict import SENTENCES, rarest, verdict
from tailtune.report.terminal.slice_table import slice_group
from tailtune.run.result import Result, TrainingRecord
from tailtune.run.score import Scores
from tailtune.words import NONE

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

KEPT = ("name", "label", "role", "seconds", "metrics", "intervals", "difference", "same_alarms")


def as_json(result: Result) -> Mapping[str, object]:
    """What `headline` prints, ready for JSON."""
    return {
        "headline": result.headline,
        "verdict": asdict(verdict(result)),
        "systems": [{key: values[key] for key in KEPT} for values in map(asdict, result.systems)],
        "portfolio": [asdict(member) for member in result.training.portfolio],
        "decision": asdict(result.decision),
        "points": [asdict(point) for point in result.points],
        "balances": [asdict(balance) for balance in result.balances],
        "promises": None if result.promises is None else asdict(result.promises),
        "leaks": None if result.leaks is None else asdict(result.leaks),
        "bill": None if result.bill is None else asdict(result.bill),
        "earlier": None if result.earlier is None else asdict(result.earlier),
        "slices": [asdict(each) for each in result.slices],
    }


def headline(result: Result) -> Group:
    """The verdict, headline figures with 95 % intervals (the model first, then each baseline), and the decision."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    judged, names = verdict(result), _by_size(result.model.per_class)
    rows = "on the test rows"
    if result.out_of_fold:
        rows = f"on {sum(result.data.counts.test)} rows, each scored by a model that had not seen it"
    table = Table(box=box.SIMPLE, caption=f"{rows}, with 95 % intervals", caption_justify="left")
    table.add_column("", no_wrap=True)
    for system in result.systems:
        table.add_column(Text(system.label), justify="right", min_width=20)  # a figure with its interval
    leading = result.headline, result.decision.objective
    for measure in _shown([*MEASURES, *result.measures], leading, result.model.metrics):
        values = [(system.metrics.get(measure.key), system.intervals.get(measure.key)) for system in result.systems]
        if any(value is not None for value, _ in values):
            table.add_row(Text(_name(measure, names)), *(_cell(*value) for value in values))
    table.add_row("seconds", *(f"{system.seconds:.1f}" for system in result.systems))
    told = [Text(judged.seen, style="bold")] if judged.seen else []
    told += [Text(line) for line in (*judged.clauses, *judged.notes)]
    decided = Text(sentence("decision.txt.j2", "line", decision=result.decision, names=result.data.names))
    points = [_points_table(result)] if result.points else []
    models = [_models_table(result.training)] if result.training.portfolio else []
    cost = [Text(paid(result.bill, sum(result.data.counts.test)))] if result.bill else []
    rare = sentence(SENTENCES, "cases", rare=[entry.name for entry in rarest(result.model.per_class)])
    by_column = [slice_group(result.slices, result.data.names, rare)] if result.slices else []
    return Group(Text(judged.sentence, style="bold"), *told, table, *models, decided, *points, *cost, *by_column)


def _models_table(training: TrainingRecord) -> Table:
    """The models of a portfolio."""
    from rich import box
    from rich.table import Table

    caption = "on rows that the model at hand had not seen; --model NAME trains one alone"
    table = Table(box=box.SIMPLE, caption=caption, caption_justify="left")
    table.add_column("model")
    for column in ("weight", "log loss", "AUPRC", "seconds", "of the time"):
        table.add_column(column, justify="right")
    for row in members(training):
        table.add_row(row.name, row.weight, row.log_loss, row.average_precision, row.seconds, row.share)
    return table


def _points_table(result: Result) -> Table:
    """What answers of the same model find, taken for one objective or another."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    costs = result.decision.costs is not None
    rare = sentence(SENTENCES, "cases", rare=[entry.name for entry in rarest(result.model.per_class)])
    caption = f"the same model on the test rows; an alarm is an answer that names {rare}"
    table = Table(box=box.SIMPLE, caption=Text(caption), caption_justify="left")
    table.add_column("answers taken for")
    in_use = " in use" if any(point.precision_in_use is not None for point in result.points) else ""
    for column in ("alarms", "found", "missed", "false", f"precision{in_use}", *([f"cost{in_use}"] if costs else [])):
        table.add_column(column, justify="right")
    for point in result.points:
        counts = (point.alarms, point.found, point.missed, point.false_alarms)
        precision, cost = (point.precision_in_use, point.cost_in_use) if in_use else (point.precision, point.cost)
        shares = (_cell(precision), *([_cell(cost)] if costs else []))
        words = Text(f"{point.words} (chosen)" if point.chosen else point.words)
        table.add_row(words, *map(str, counts), *shares, style="bold" if point.chosen else "")
    return table


def _shown(
    measures: Sequence[Quantity], leading: Sequence[str | None], metrics: Mapping[str, float | None]
) -> list[Quantity]:
    """Measures of the terminal, without those that another one of them says better for these classes."""
    found = [measure for measure in listed("terminal", measures, *leading) if measure.key in metrics]
    covered = {measure.covers for measure in found}
    return [measure for measure in found if measure.key not in covered]


def _by_size(classes: Sequence[ClassResult]) -> list[str]:
    """Names of the classes, from the largest in training to the smallest."""
    return [entry.name for entry in by_size(classes)]


def _name(measure: Quantity, names: Sequence[str]) -> str:
    """The key in words; of two classes a measure of the rarer one names it."""
    term = term_of(measure, names)
    return measure.key.replace("_", " ") if term == measure.term else term


def scores_table(scores: Scores) -> Group:
    """The figures of `tailtune evaluate`, then each class, then the slices."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    names, rare = _by_size(scores.per_class), [entry.name for entry in rarest(scores.per_class)]
    tail = np.array([k for k, entry in enumerate(scores.per_class) if entry.name in rare])
    counted = count_alarms(scores.confusion, tail)
    cases = sentence(SENTENCES, "cases", rare=rare)
    caption = (
        f"{counted.alarms} alarms (answers that name {cases}): "
        f"{counted.found} of {counted.rows} found, {counted.missed} missed, {counted.false} false"
    )
    title = f"{scores.rows} rows, 95 % intervals"
    table = Table(title=title, box=box.SIMPLE, caption=Text(caption), caption_justify="left")
    for column in ("", "precision", "recall", "f1", "rows"):
        table.add_column(column, justify="left" if not column else "right")
    for measure in _shown([*MEASURES, *scores.measures], [scores.headline], scores.metrics):
        value = _cell(scores.metrics[measure.key], scores.intervals.get(measure.key))
        table.add_row(Text(_name(measure, names)), value)
    table.add_section()
    for row in scores.per_class:
        cells = [_cell(value) for value in (row.precision, row.recall, row.f1)]
        table.add_row(Text(row.name), *cells, str(row.support))
    by_column = slice_group(scores.slices, [row.name for row in scores.per_class], cases) if scores.slices else None
    return Group(table, *([] if by_column is None else [by_column]))


def _cell(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return NONE
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")

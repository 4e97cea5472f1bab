"""What the template of a run's page names: every list, text and figure, made from the run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailtune.advice.advice import Advice
from tailtune.evaluation.bootstrap import Interval
from tailtune.evaluation.measures import BY_KEY, MEASURES, listed
from tailtune.profile import FEW, MANY, ClassProfile
from tailtune.report.legend import WATCHED, Mark, marks
from tailtune.report.measure_words import show, term_of
from tailtune.report.rendering import sentence
from tailtune.report.run_page import figures
from tailtune.report.run_page.classes import confusion, curves, support
from tailtune.report.run_page.collapse_figures import followed
from tailtune.report.run_page.decision import balances, cases, cost_curve, operating, paid, same_alarms
from tailtune.report.run_page.evidence import evidence_view
from tailtune.report.run_page.promises import view_of
from tailtune.report.run_page.record import record
from tailtune.report.run_page.slices import HEADINGS, slice_tables
from tailtune.report.run_page.tables import calibration, groups, headline, members
from tailtune.report.run_page.verdict import FEW_ROWS, ranking_of, verdict
from tailtune.run.finished import Finished
from tailtune.run.result import SystemResult
from tailtune.training.log import watched
from tailtune.words import whole

BAR_CLASSES = 20  # up to here the class sizes need no figure beside their table


@dataclass(frozen=True)
class Rail:
    """Where a system stands on a rail of 0..1, with its interval."""

    mark: Mark
    value: str
    at: float
    interval: Interval


def view(run: Finished, advice: Sequence[Advice]) -> Mapping[str, object]:
    """Return everything that the template names.

    Args:
        run: the run.
        advice: what the checks say about it.
    """
    result, history = run.result, run.history
    # the majority class last, so that every system has one colour and marker, in tables and in figures without it
    systems = sorted(result.systems, key=lambda system: system.name == "majority")
    compared = [system for system in systems if system.name != "majority"]  # its curves are points or blank
    profile = result.data.profile
    order = profile.by_size.tolist()
    best, part = result.training.best_epoch, watched(history) or "val"
    rows = WATCHED[part]
    measures = listed("page", [*MEASURES, *result.measures], result.headline, result.decision.objective)
    rails = _rails(systems)
    by_size = [profile.names[k] for k in order]
    rare = term_of(BY_KEY["tail_accuracy"], by_size)
    return {
        "result": result,
        "advice": advice,
        "model": result.model,
        "profile": profile,
        "ratio": _ratio(profile),
        "order": order,
        "verdict": verdict(result),
        "headline": headline(systems, measures, result.headline, by_size),
        "rails_words": term_of(BY_KEY[_rails_key(result.model)], by_size),
        "rails": rails,
        "groups": groups(compared) if profile.num_classes > 2 else [],
        "marks": _marks(systems),
        "compared": compared,
        "compared_marks": _marks(compared),
        "support": support(result.model, order),
        "few_rows": FEW_ROWS,
        "borders": {"many": MANY, "few": FEW},
        "sizes": figures.class_sizes(profile.counts) if profile.num_classes > BAR_CLASSES else None,
        "members": members(result.training),
        "losses": figures.losses(history, best) if figures.has(history, "train_loss") else None,
        "watched": rows,
        "loss_marks": [Mark("training", 1, "■")] + [Mark(rows, 0, "●")] * figures.has(history, f"{part}_loss"),
        "scores": figures.scores(history, best, rare) if figures.has(history, f"{part}_balanced_accuracy") else None,
        "score_marks": [Mark("balanced accuracy", 0, "●"), Mark(rare, 1, "■")],
        "followed": followed(history),
        "best_epoch": best,
        "border_lines": " and ".join(map(str, figures.borders(compared))),
        "recall": figures.recall_by_size(compared),
        "reliability": figures.reliability(compared),
        "calibration": [calibration(system) for system in compared],
        "decided": sentence("decision.txt.j2", "line", decision=result.decision, names=profile.names),
        "paid": result.bill and paid(result.bill, sum(result.data.counts.test)),
        "promises": result.promises and view_of(result.promises),
        "operating": operating(result),
        "in_use": any(point.precision_in_use is not None for point in result.points),
        "same_alarms": same_alarms(compared[1:]),
        "balances": balances(result),
        "costs": cost_curve(result, run.predictions, compared),
        "rare": cases(by_size, profile),
        "slices": slice_tables(result.slices, profile.names, cases(by_size, profile)),
        "slice_headings": HEADINGS,
        **evidence_view(run.evidence, by_size),
        "curves": curves(compared, profile, order, run.predictions),
        "confusion": confusion(result.model, order),
        "record": record(result),
        "folder": shlex.quote(result.run.out or "RUN"),
    }


def _marks(systems: Sequence[SystemResult]) -> list[Mark]:
    return marks([system.label for system in systems])


def _ratio(profile: ClassProfile) -> str:
    if not min(profile.counts):
        return "a class is empty"
    times = 1 / profile.ratio
    return f"{times:.1f} : 1" if times < 10 else f"{whole(round(times))} : 1"


def _rails_key(model: SystemResult) -> str:
    """How well rare cases are ranked, or where there are none to rank, balanced accuracy."""
    key = ranking_of(model)
    return "balanced_accuracy" if model.metrics[key] is None else key


def _rails(systems: Sequence[SystemResult]) -> list[Rail]:
    key = _rails_key(systems[0])
    found = []
    for mark, system in zip(_marks(systems), systems, strict=True):
        at = system.metrics[key]
        assert at is not None  # the systems have the same test rows
        found.append(Rail(mark, show(BY_KEY[key], at), at, system.intervals.get(key, (at, at))))
    return found

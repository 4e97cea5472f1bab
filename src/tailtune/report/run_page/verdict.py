"""The verdict: one sentence that says how well the model finds rare cases and whether a baseline does better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailtune.evaluation.measures import BY_KEY
from tailtune.report.measure_words import Side, show, show_interval, side
from tailtune.report.rendering import sentence
from tailtune.run.result import ClassResult, Result, SystemResult

Standing = Literal["ahead", "behind", "level", "mixed", "alone"]

FEW_ROWS = 30  # under this many test rows a share moves by several points with one row
SENTENCES = "run_verdict.txt.j2"


@dataclass(frozen=True)
class Verdict:
    """How the model stands against its strongest baseline, in one sentence, with notes that keep it honest."""

    standing: Standing
    sentence: str
    notes: tuple[str, ...] = ()


def verdict(result: Result) -> Verdict:
    """Judge the model of a finished run.

    The strongest baseline is the one with the highest balanced accuracy; the majority class is a rival only where it
    is alone. Two systems are told apart where the 95 % interval of their paired difference leaves out zero. The
    verdict rests on two figures: the rare cases found and all rows right. Ahead on one and behind on the other is
    "mixed", and the sentence says both.

    Returns:
        The verdict; it names classes as they are in the data, so escape it for HTML.
    """
    model, rival = result.model, _strongest(result.baselines)
    tail, rows = _side(rival, "tail_accuracy"), _side(rival, "accuracy")
    standing: Standing = "alone" if rival is None else _overall(tail, rows)
    known = model.metrics.get("tail_accuracy") is not None
    told = sentence(
        SENTENCES,
        "verdict" if known else "verdict_without_rare_rows",
        model=model,
        rival=rival,
        rare=[entry.name for entry in rarest(model)],
        largest=_largest(model).name,
        interval=_interval(model, "tail_accuracy" if known else "balanced_accuracy"),
        tail=tail,
        rows=rows,
    )
    return Verdict(standing, told, (*_published(result, rival), *_notes(model, rival, standing)))


def rarest(system: SystemResult) -> list[ClassResult]:
    """The rarest fifth of the classes (at least one), largest first, as `ClassProfile.tail` has them."""
    by_size = sorted(system.per_class, key=lambda entry: -entry.train_count)
    return by_size[-max(1, round(0.2 * len(by_size))) :]


def _strongest(baselines: tuple[SystemResult, ...]) -> SystemResult | None:
    trained = [system for system in baselines if system.name != "majority"] or baselines
    return max(trained, key=lambda system: system.metrics["balanced_accuracy"] or 0.0, default=None)


def _side(rival: SystemResult | None, key: str) -> Side:
    difference = None if rival is None else rival.difference.get(key)
    return side(BY_KEY[key], None if difference is None else difference.interval)


def _overall(tail: Side, rows: Side) -> Standing:
    if {tail, rows} == {"better", "worse"}:
        return "mixed"
    if "better" in (tail, rows):
        return "ahead"
    return "behind" if "worse" in (tail, rows) else "level"


def _interval(system: SystemResult, key: str) -> str:
    return show_interval(BY_KEY[key], system.intervals.get(key))


def _largest(model: SystemResult) -> ClassResult:
    return max(model.per_class, key=lambda entry: entry.train_count)


def _published(result: Result, rival: SystemResult | None) -> list[str]:
    """Return one sentence about the metric of the data set's protocol, where there is one and it is defined."""
    key, model = result.headline, result.model
    if key is None or model.metrics[key] is None:
        return []
    against = None if rival is None or rival.name == "majority" else rival
    return [
        sentence(
            SENTENCES,
            "published",
            term=BY_KEY[key].term,
            ours=show(BY_KEY[key], model.metrics[key]),
            interval=_interval(model, key),
            rival=against and against.label,
            theirs=against and show(BY_KEY[key], against.metrics[key]),
            side=_side(against, key),
        )
    ]


def _notes(model: SystemResult, rival: SystemResult | None, standing: Standing) -> list[str]:
    notes = []
    if standing == "mixed" and rival is not None:
        key = "auprc" if "auprc" in model.metrics else "macro_auprc"
        ours, theirs = model.metrics[key], rival.metrics[key]
        notes.append(
            sentence(
                SENTENCES,
                "trade",
                binary=key == "auprc",
                side=_side(rival, key),
                rival=rival.label,
                term=BY_KEY[key].term,
                ours=ours,
                theirs=theirs,
            )
        )
    rows, largest = sum(entry.support for entry in model.per_class), _largest(model)
    if largest.support > 0.5 * rows:
        notes.append(sentence(SENTENCES, "accuracy_misleads", largest=largest, rows=rows))
    rare_rows = sum(entry.support for entry in rarest(model))
    if 0 < rare_rows < FEW_ROWS:
        notes.append(sentence(SENTENCES, "few_rare_rows", rows=rare_rows))
    return notes

"""The verdict: whether the model is better than its strongest baseline, and what its decision gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tailtune.data.dataset import Kind
from tailtune.evaluation.alarms import Alarms, count_alarms
from tailtune.evaluation.measures import BY_KEY
from tailtune.evaluation.metrics import ClassResult, by_size
from tailtune.report.measure_words import Side, show, show_change, show_interval, side
from tailtune.report.rendering import sentence
from tailtune.run.leak_record import LeakRecord
from tailtune.run.result import Result, SystemResult
from tailtune.words import NONE

Standing = Literal["ahead", "behind", "level", "mixed", "alone", "nothing"]

LEAK_FIGURES = ("balanced_accuracy", "log_loss")  # of the test rows that training had seen, and of the others
FEW_ROWS = 30  # under this many test rows a share moves by several points with one row
NO_KNOWLEDGE = 0.99  # a constant answer that calibration has moved a little costs about as much as class frequencies
SENTENCES = "run_verdict.txt.j2"


@dataclass(frozen=True)
class Verdict:
    """How good the model is whatever the threshold, and what its decision gives.

    Attributes:
        standing: against the strongest trained baseline, on both measures that no threshold moves; "alone" without
            one, "nothing" where the model has learnt nothing.
        sentence: the same in words.
        seen: what the test rows have in common with those trained on, with the figures of the others, where that is
            enough to spoil the figures; nothing where the model saw none of them, or a few.
        clauses: what the decision gives, and what both find at one number of alarms, a sentence each.
        notes: what keeps it honest, a sentence each.
    """

    standing: Standing
    sentence: str
    seen: str = ""
    clauses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quality:
    """A measure that no threshold moves, in words.

    Attributes:
        term: what it is called.
        ours: the model's figure.
        interval: of it.
        guess: what answers without any knowledge have.
        theirs: the baseline's figure.
        change: interval of the difference.
        side: how the model stands.
    """

    term: str
    ours: str
    interval: str
    guess: str
    theirs: str
    change: str
    side: Side


def verdict(result: Result) -> Verdict:
    """Judge the model of a finished run.

    It is judged by average precision of the rarest classes and by log loss, which no threshold moves, against the
    strongest trained baseline: the one with the best average precision, at a tie the best log loss. Two systems are
    told apart where the 95 % interval of their paired difference leaves out zero; better by one measure and worse by
    the other is "mixed". A model has learnt nothing where its log loss is not surely below that of always answering
    with the class frequencies and it does not surely rank rows above chance (macro AUROC).

    Returns:
        The verdict; it names classes as they are in the data, so escape it for HTML.
    """
    model, rival = result.model, strongest(result.baselines)
    rows = sum(entry.support for entry in model.per_class)
    qualities = _qualities(result, rival)
    standing = _standing(result, qualities, rival)
    rare = rarest(model.per_class)
    told = sentence(
        SENTENCES,
        "quality",
        standing=standing,
        qualities=qualities,
        rival=rival and rival.label,
        rare=[entry.name for entry in rare],
        rare_rows=sum(entry.support for entry in rare),
        rows=rows,
        few_rows=FEW_ROWS,
        area=_area(model),
    )
    spoilt, slight = _seen(result.leaks, rows, result.kind)
    notes = (
        *(*_scored_by(result), *_earlier(result), *_published(result, rival)),
        *(*slight, *_notes(model), *_offer(result)),
    )
    return Verdict(standing, told, spoilt, tuple(_clauses(result, rival)), notes)


def rarest(classes: Sequence[ClassResult]) -> list[ClassResult]:
    """The rarest fifth of the classes (at least one), largest first, as `ClassProfile.tail` has them."""
    return by_size(classes)[-max(1, round(0.2 * len(classes))) :]


def ranking_of(system: SystemResult) -> str:
    """Key of the measure of how well a system ranks the rarest classes: of two classes AUPRC of the rarer one."""
    return "auprc" if "auprc" in system.metrics else "tail_auprc"


def strongest(baselines: tuple[SystemResult, ...]) -> SystemResult | None:
    """The trained baseline that ranks the rarest classes best, at a tie that of the lowest log loss."""

    def strength(system: SystemResult) -> tuple[float, float]:
        return system.metrics[ranking_of(system)] or 0.0, -(system.metrics["log_loss"] or 0.0)

    return max((system for system in baselines if system.name != "majority"), key=strength, default=None)


def alarms_of(result: Result, system: SystemResult) -> Alarms:
    """What the answers of a system find of the rarest classes."""
    return count_alarms(system.confusion, result.data.profile.tail)


def constant_loss(result: Result) -> float:
    """Log loss on the test rows of always answering with the class frequencies in use."""
    support = np.array([entry.support for entry in result.model.per_class])
    balance = np.asarray(result.decision.deployment)
    return float(-(support * np.log(balance)).sum() / support.sum())


def _qualities(result: Result, rival: SystemResult | None) -> list[Quality]:
    """Both measures, but for one that is undefined."""
    model, rare = result.model, rarest(result.model.per_class)
    rows = sum(entry.support for entry in model.per_class)
    present = [entry.support / rows for entry in rare if entry.support]
    guesses = {ranking_of(model): float(np.mean(present)) if present else 0.0, "log_loss": constant_loss(result)}
    found = []
    for key, guess in guesses.items():
        measure, ours = BY_KEY[key], model.metrics[key]
        if ours is None:
            continue
        difference = None if rival is None else rival.difference.get(key)
        found.append(
            Quality(
                term=sentence(SENTENCES, "term", key=key, rare=[entry.name for entry in rare]),
                ours=show(measure, ours),
                interval=show_interval(measure, model.intervals.get(key)),
                guess=show(measure, guess),
                theirs=NONE if rival is None else show(measure, rival.metrics[key]),
                change=(difference and " to ".join(show_change(measure, end) for end in difference.interval)) or "",
                side=_side(rival, key),
            )
        )
    return found


def _standing(result: Result, qualities: list[Quality], rival: SystemResult | None) -> Standing:
    loss, area = (result.model.intervals.get(key) for key in ("log_loss", "macro_auroc"))
    if loss and area and loss[1] >= NO_KNOWLEDGE * constant_loss(result) and area[0] <= 0.5:
        return "nothing"
    if rival is None:
        return "alone"
    sides = {quality.side for quality in qualities}
    if {"better", "worse"} <= sides:
        return "mixed"
    if "better" in sides:
        return "ahead"
    return "behind" if "worse" in sides else "level"


def _side(rival: SystemResult | None, key: str) -> Side:
    difference = None if rival is None else rival.difference.get(key)
    return side(BY_KEY[key], None if difference is None else difference.interval)


def _area(model: SystemResult) -> str:
    """The area under the ROC curves with its interval."""
    key = "macro_auroc"
    interval = _interval(model, key)
    return show(BY_KEY[key], model.metrics[key]) + (f", 95 % interval {interval}" if interval else "")


def _interval(system: SystemResult, key: str) -> str:
    return show_interval(BY_KEY[key], system.intervals.get(key))


def _clauses(result: Result, rival: SystemResult | None) -> list[str]:
    """What the decision gives, against the model without it, and what both systems find at one number of alarms."""
    model, rare = result.model, rarest(result.model.per_class)
    now, before = alarms_of(result, model), alarms_of(result, result.undecided)
    if not now.rows:
        return []
    names = [entry.name for entry in rare]
    decision = result.decision
    told = [
        sentence(
            SENTENCES,
            "decided",
            now=now,
            before=before,
            rare=names,
            words=decision.words,
            plain=decision.mode == "none",
        )
    ]
    if rival is not None and rival.same_alarms is not None:
        same = rival.same_alarms
        measure, interval = BY_KEY["tail_accuracy"], same.difference.interval
        told.append(
            sentence(
                SENTENCES,
                "at_same_alarms",
                same=same,
                rows=now.rows,
                rare=names,
                rival=rival.label,
                change=" to ".join(show_change(measure, end) for end in interval),
                side=side(measure, interval),
            )
        )
    return told


def _published(result: Result, rival: SystemResult | None) -> list[str]:
    """Return one sentence about the metric of the data set's protocol, where there is one and it is defined."""
    key, model = result.headline, result.model
    if key is None or model.metrics[key] is None:
        return []
    return [
        sentence(
            SENTENCES,
            "published",
            term=BY_KEY[key].term,
            ours=show(BY_KEY[key], model.metrics[key]),
            interval=_interval(model, key),
            rival=rival and rival.label,
            theirs=rival and show(BY_KEY[key], rival.metrics[key]),
            side=_side(rival, key),
        )
    ]


def _scored_by(result: Result) -> list[str]:
    """Say which model the figures are of, where it is not the one in the folder."""
    if result.out_of_fold:
        counts = result.data.counts
        rows = sum(counts.train) + sum(counts.val or ())
        return [sentence(SENTENCES, "out_of_fold", folds=result.run.folds, scored=sum(counts.test), rows=rows)]
    if result.deployed is not None:
        return [sentence(SENTENCES, "refitted", trained=sum(result.data.counts.train), rows=result.deployed.rows)]
    return []


def _earlier(result: Result) -> list[str]:
    """What the run that training went on from reached on its own test rows, and what this one reaches on them."""
    earlier = result.earlier
    if earlier is None:
        return []
    figures = []
    for key, after in earlier.after.items():
        change = earlier.difference.get(key)
        ends = change and " to ".join(show_change(BY_KEY[key], end) for end in change.interval)
        figures.append((key.replace("_", " "), show(BY_KEY[key], earlier.before[key]), show(BY_KEY[key], after), ends))
    return [sentence(SENTENCES, "earlier", earlier=earlier, figures=figures)]


def _offer(result: Result) -> list[str]:
    """Offer folds where they would score many more rows of the class with the fewest test rows."""
    if result.data.split != "stratified" or result.out_of_fold or result.earlier is not None:
        return []
    counts = result.data.counts
    parts = [part for part in (counts.train, counts.val, counts.test) if part is not None]
    every = [sum(rows) for rows in zip(*parts, strict=True)]
    scored = [k for k, rows in enumerate(every) if rows > 1 and counts.test[k] < FEW_ROWS]
    if not scored:
        return []
    k = min(scored, key=lambda k: (counts.test[k], k))
    return [sentence(SENTENCES, "offer_folds", rare=result.data.names[k], tested=counts.test[k], rows=every[k])]


def _seen(leaks: LeakRecord | None, rows: int, kind: Kind) -> tuple[str, list[str]]:
    """Return what is said of test rows that training had seen where it spoils the figures, and else as notes."""
    if leaks is None or not leaks.rows:
        return "", []
    about = [leak for leak in leaks.found if leak.rows or leak.code == "group"]
    figures = [
        f"{BY_KEY[key].key.replace('_', ' ')} {show(BY_KEY[key], leaks.seen[key])} on these, "
        f"{show(BY_KEY[key], leaks.others[key])} on the others"
        for key in (LEAK_FIGURES if leaks.seen and leaks.others else ())
        if leaks.seen and leaks.others and leaks.seen[key] is not None and leaks.others[key] is not None
    ]
    things = "pictures" if kind == "image" else "rows"
    told = sentence(SENTENCES, "seen", leaks=leaks, rows=rows, things=things, about=about, figures=figures)
    return (told, []) if leaks.spoils else ("", [told])


def _notes(model: SystemResult) -> list[str]:
    notes = []
    rows, largest = sum(entry.support for entry in model.per_class), max(model.per_class, key=lambda e: e.train_count)
    if largest.support > 0.5 * rows:
        notes.append(sentence(SENTENCES, "accuracy_misleads", largest=largest, rows=rows))
    rare_rows = sum(entry.support for entry in rarest(model.per_class))
    if 0 < rare_rows < FEW_ROWS:
        notes.append(sentence(SENTENCES, "few_rare_rows", rows=rare_rows))
    return notes

"""The part of a run's page on single answers: sets of classes, and what comes of answering fewer rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailtune.run.promises import Answering, Promises, ScoredBy
from tailtune.words import percent, quoted, whole

MOST_ROWS = 12  # classes that the table names, those with the fewest validation rows


@dataclass(frozen=True)
class LevelRow:
    """What comes of answering only rows whose answer is probable enough: shares, and the wrong ones among them."""

    words: str
    kept: bool
    shares: tuple[str, ...]


@dataclass(frozen=True)
class CoverRow:
    """A class, its validation and test rows, and the share of the latter whose set holds it."""

    name: str
    cells: tuple[str, ...]
    promised: bool


@dataclass(frozen=True)
class PromisesView:
    """Both tables, and what has to be said with them."""

    coverage: str
    at_least: str
    needed: str
    size: str
    single: str
    covers: tuple[CoverRow, ...]
    others: int
    lacking: tuple[str, ...]
    levels: tuple[LevelRow, ...]
    note: str
    scored_by: ScoredBy


def view_of(promises: Promises) -> PromisesView:
    """Return what the page shows; the classes that are named are those with the fewest validation rows."""
    sets = promises.sets
    fewest = sorted(sets.classes, key=lambda each: each.calibration_rows)
    covers = (
        CoverRow(
            each.name, (whole(each.calibration_rows), whole(each.rows), percent(each.covered)), promised=each.promised
        )
        for each in reversed(fewest[:MOST_ROWS])
    )
    return PromisesView(
        coverage=percent(sets.coverage, 0),
        at_least=percent(max(0.0, 2 * sets.coverage - 1), 0),
        needed=whole(sets.needed),
        size=f"{sets.size:.2f}",
        single=percent(sets.single),
        covers=tuple(covers),
        others=max(0, len(fewest) - MOST_ROWS),
        lacking=tuple(quoted(each.name, "“”") for each in fewest if not each.promised),
        levels=tuple(_levels(promises)),
        note=promises.note,
        scored_by=promises.scored_by,
    )


def _levels(promises: Promises) -> Iterator[LevelRow]:
    for level in promises.levels:
        yield LevelRow(percent(level.expected), kept=False, shares=_shares(level))
    if promises.kept is not None and promises.kept.threshold is not None:
        words = f"{percent(promises.kept.expected)}, for at most {percent(promises.error)} wrong"
        yield LevelRow(words, kept=True, shares=_shares(promises.kept))


def _shares(answering: Answering) -> tuple[str, ...]:
    return percent(answering.answered), percent(answering.wrong), percent(answering.rare)

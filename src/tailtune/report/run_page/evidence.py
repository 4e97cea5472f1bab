"""The parts of a run's page on single rows and columns, as they were looked at when the run was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailtune.evaluation.measures import BY_KEY
from tailtune.report.measure_words import term_of
from tailtune.run.evidence.mistakes import LISTED
from tailtune.run.evidence.record import Evidence, Influences, Mistake, Thumbnail
from tailtune.words import number, signed


@dataclass(frozen=True)
class InfluenceRow:
    """Columns and what is lost without them; `share` of the largest loss, `sure` where the interval leaves out zero."""

    columns: tuple[str, ...]
    lost: str
    interval: str
    share: float
    sure: bool


@dataclass(frozen=True)
class InfluenceTable:
    """The columns, and what has to be said with them."""

    term: str
    before: str
    rows: tuple[InfluenceRow, ...]
    looked_at: str


@dataclass(frozen=True)
class MistakeRow:
    """A class: its training pictures, if there are any, and its mistakes that are shown."""

    name: str
    rows: int
    wrong: int
    examples: tuple[Thumbnail, ...]
    shown: tuple[Mistake, ...]


def evidence_view(evidence: Evidence | None, by_size: Sequence[str]) -> Mapping[str, object]:
    """Return what the template names.

    Args:
        evidence: of the run; None shows nothing.
        by_size: names of the classes, from the largest in training to the smallest.
    """
    if evidence is None:
        return {"evidence": None, "influences": None, "mistakes": [], "other_examples": [], "cut_off": False}
    examples = {each.name: each.pictures for each in evidence.examples}
    named = {each.name for each in evidence.mistakes}
    return {
        "evidence": evidence,
        "influences": evidence.influences and _influences(evidence.influences, by_size),
        "mistakes": [
            MistakeRow(each.name, each.rows, each.wrong, examples.get(each.name, ()), each.shown)
            for each in evidence.mistakes
        ],
        "other_examples": [each for each in evidence.examples if each.name not in named],
        "cut_off": any(each.wrong > LISTED for each in evidence.mistakes),
    }


def _influences(found: Influences, by_size: Sequence[str]) -> InfluenceTable:
    most = max((each.lost for each in found.listed), default=0.0)
    rows = (
        InfluenceRow(
            each.columns,
            signed(each.lost, 3, "-"),
            " to ".join(signed(end, 3, "-") for end in each.interval),
            max(0.0, each.lost) / most if most > 0 else 0.0,
            each.interval[0] > 0,
        )
        for each in found.listed
    )
    measure = BY_KEY["auprc" if len(by_size) == 2 else "tail_auprc"]
    more = (
        f"The other {found.groups - found.left - len(found.listed)} lose less. "
        if found.groups - found.left > len(found.listed)
        else ""
    )
    left = (
        f"There was no time for {found.left} groups of columns that go least with the rarest classes. "
        if found.left
        else ""
    )
    times = f"{found.repeats} times, on {found.rows} test rows weighted to all of them."
    return InfluenceTable(
        term_of(measure, by_size), number(found.before), tuple(rows), f"{more}{left}Each was shuffled {times}"
    )

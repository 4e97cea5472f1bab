"""`Audit`: what was found, a sentence a finding with some of its rows, and the ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SHOWN = 12  # rows of a finding


@dataclass(frozen=True)
class Shown:
    """A row that stands for a finding.

    Attributes:
        position: among all rows.
        row: its identity.
        label: its class.
        note: what is the matter with it, in a few words.
    """

    position: int
    row: str
    label: str
    note: str


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        code: mislabelled, contradicting, near, copies, never_right, or that of a leak.
        title: in a few words.
        sentence: what was found, and what to do about it.
        by_class: rows that it concerns, by class; empty where it is about parts or columns.
        shown: some of them.
    """

    code: str
    title: str
    sentence: str
    by_class: Mapping[str, int] = field(default_factory=dict)
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Ceiling:
    """An estimate of the accuracy that no model exceeds.

    Attributes:
        code: contradictions or neighbours.
        what: the estimate, in a sentence.
        accuracy: in 0..1.
        why_wrong: in what way it may be wrong, in a sentence or two.
        by_class: the largest recall of each class, where it is known.
    """

    code: str
    what: str
    accuracy: float
    why_wrong: str
    by_class: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        source: of the data.
        kind: "table" or "image".
        rows: how many there are.
        classes: rows of each class by its name.
        scored_by: a sentence on the scores that it rests on.
        accuracy, balanced_accuracy: of the answers that these scores give; None where no row was scored.
        findings: the most telling first.
        ceilings: estimates.
        left_out: what could not be looked at, and why.
    """

    source: str
    kind: str
    rows: int
    classes: Mapping[str, int]
    scored_by: str
    accuracy: float | None
    balanced_accuracy: float | None
    findings: tuple[Finding, ...]
    ceilings: tuple[Ceiling, ...]
    left_out: Mapping[str, str]

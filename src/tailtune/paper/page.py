"""What a table or figure of the paper is made of: `Claim`, `Table`, `Asked`, and the `Subject` that a module is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from tailtune import paper
from tailtune.errors import TailtuneError, nearest
from tailtune.study.study import Study

if TYPE_CHECKING:
    from tailtune.run.finished import Finished

Scale = Literal["smoke", "small", "full"]
Verdict = Literal["held", "failed", "cannot be told at this scale"]
Row = Mapping[str, Any]  # of the tidy tables, and of ensembles made from them
SCALES: tuple[Scale, ...] = ("smoke", "small", "full")


@dataclass(frozen=True)
class Effect:
    """A number that is above 0 as far as a claim is right, with its 95 % interval where there is one.

    Attributes:
        mean: in `unit`.
        interval: of the mean.
        unit: such as "points of accuracy"; the ledger draws what shares one on one axis.
    """

    mean: float
    interval: tuple[float, float] | None
    unit: str


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, and what came of it.

    Attributes:
        words: the paper's.
        number: the paper's, as it prints it.
        ours: our number with its interval.
        verdict: whether it held.
        effect: the number that the verdict rests on; of several the one that speaks least for the claim.
    """

    words: str
    number: str
    ours: str
    verdict: Verdict
    effect: Effect | None = None


@dataclass(frozen=True)
class Table:
    """A table, with every cell as text; `caption` says what is in it and what not."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Asked:
    """What a person asked of a subject beside its scale; None is the scale's own.

    Attributes:
        out: folder for the studies.
        seeds: trainings of each arm.
        data: names of data sets, of those that the subject has.
        data_root: folder of the named data sets.
        jobs: trainings at a time.
    """

    out: str
    seeds: int | None = None
    data: tuple[str, ...] = ()
    data_root: str | None = None
    jobs: int | None = None


@dataclass(frozen=True)
class Planned:
    """A study of a subject.

    Attributes:
        study: what is trained.
        used: the share of its epochs that an arm is expected to take until patience ends it, where that is not all.
        members: how many seeds make an ensemble; 0 makes none.
        columns: further columns of a row, from its finished training.
        hours: of one core, at full of one GPU, that it took; None where `tailtune.paper.costs` can say so.
    """

    study: Study
    used: Mapping[str, float] = field(default_factory=dict)
    members: int = 0
    columns: Callable[[Finished], Mapping[str, Any]] | None = None
    hours: float | None = None


class Subject(Protocol):
    """A module of this package."""

    TITLE: str
    CLAIM: str

    def design(self, scale: Scale, asked: Asked) -> dict[str, Planned]:
        """Return the studies by name; what was asked for and does not exist is a TailtuneError."""
        ...

    def tables(self, rows: Sequence[Row]) -> tuple[Table, ...]:
        """Return the tables of these rows."""
        ...

    def figures(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return the figures of these rows, as SVG, by name."""
        ...

    def claims(self, rows: Sequence[Row]) -> tuple[Claim, ...]:
        """Return the verdicts on the paper's claims."""
        ...


def subject(name: str) -> Subject:
    """Return the table or figure of this name.

    Raises:
        TailtuneError: there is none.
    """
    if name not in paper.SUBJECTS:
        raise TailtuneError(
            f"no table or figure of the paper is called {name!r} here.{nearest(name, paper.SUBJECTS)} There is "
            f"{', '.join(paper.SUBJECTS)}: tailtune paper --list"
        )
    return cast(Subject, importlib.import_module(f"{paper.__name__}.{name.replace('-', '_')}"))


def check_scale(scale: str) -> Scale:
    """Return a scale, or refuse another word.

    Raises:
        TailtuneError: naming the nearest.
    """
    if scale not in SCALES:
        raise TailtuneError(f"--scale must be one of {', '.join(SCALES)}, however: {scale!r}.{nearest(scale, SCALES)}")
    return scale

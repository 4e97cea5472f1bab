"""`Leak`: something about the parts or the columns for which the figures on the test rows may be too good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.picture_signature import Signatures

NAMED = 3  # pairs that are named
SPOILED_SHARE = 0.01  # of the test rows, from which on figures are not called those of rows never seen
SPOILED_CLASS_SHARE, SPOILED_CLASS_ROWS = 0.1, 3  # likewise of the rows of one class


@dataclass(frozen=True)
class Pair:
    """A test row and a training row that it is like, by their identities."""

    test: str
    train: str


@dataclass(frozen=True)
class Leak:
    """One finding.

    Attributes:
        code: identical, near, group, time, identifier or tells_class; docs/leaks.md has an entry for each.
        what: what was found, with its numbers, in a sentence without its full stop.
        advice: what to do about it, in a sentence.
        rows: test rows that it concerns, 0 where it is about a column or about names.
        pairs: a few of them with the training rows that they are like.
        change: the options of `tailtune fit` that would mend it, as they are typed; none where files are to be moved.
    """

    code: str
    what: str
    advice: str
    rows: int = 0
    pairs: tuple[Pair, ...] = ()
    change: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it in words."""
        return f"{self.finding} {self.advice}"

    @property
    def finding(self) -> str:
        """What was found, in a sentence."""
        return f"{self.what[0].upper()}{self.what[1:]}{self.named}."

    @property
    def named(self) -> str:
        """The pairs in words, between brackets; nothing without any."""
        pairs = "; ".join(f"{pair.test} is like {pair.train} of training" for pair in self.pairs)
        return f" ({pairs})" if pairs else ""


@dataclass(frozen=True, eq=False)
class Leaks:
    """What the checks found.

    Attributes:
        found: the findings; those that concern test rows first.
        concerned: which test rows have their like, or their group, among the rows trained on [N].
        spoils: whether they are so many, of all or of a class, that figures are not those of rows never seen.
        pictures: signatures of the pictures trained on, by which later ones can be compared; None of a table.
    """

    found: tuple[Leak, ...]
    concerned: NDArray[np.bool_]
    spoils: bool
    pictures: Signatures | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence each."""
        return tuple(leak.sentence for leak in self.found)


def spoils(concerned: NDArray[np.bool_], targets: NDArray[np.int64]) -> bool:
    """Whether so many test rows are concerned that the figures are of rows that training has seen.

    They are from 1 % of the test rows on, or 10 % of those of one class, if three rows or more.

    Args:
        concerned: test rows [N].
        targets: their class indices [N].

    >>> spoils(np.arange(1000) < 9, np.zeros(1000, dtype=int)), spoils(np.arange(1000) < 10, np.zeros(1000, dtype=int))
    (False, True)
    """
    if int(concerned.sum()) < SPOILED_CLASS_ROWS:
        return False
    if concerned.sum() >= SPOILED_SHARE * len(concerned):
        return True
    rows = np.bincount(targets)
    hit = np.bincount(targets[concerned], minlength=len(rows))
    return bool(((hit >= SPOILED_CLASS_ROWS) & (hit >= SPOILED_CLASS_SHARE * rows)).any())

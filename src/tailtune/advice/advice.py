"""`Advice`: what a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["act", "consider", "note"]
LEVELS: tuple[Level, ...] = ("act", "consider", "note")


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        code: TT001 and so on; docs/advice.md has an entry for each.
        title: a few words.
        finding: what it rests on: our own results, counting, or arithmetic.
        recommendation: what to do with this data, with its numbers.
        level: act (a result would mislead or fail), consider (likely to help), note (good to know).
        change: the options of `tailtune fit` that the recommendation would set, as they are typed; none where nothing
            is to be set, but the data to be mended or a result to be read with care.
    """

    code: str
    title: str
    finding: str
    recommendation: str
    level: Level
    change: tuple[str, ...] = ()

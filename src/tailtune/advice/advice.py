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
        finding: what the paper found, with its section, or what plain counting says where the paper is silent.
        recommendation: what to do with this data, with its numbers.
        level: act (a result would mislead or fail), consider (likely to help), note (good to know).
    """

    code: str
    title: str
    finding: str
    recommendation: str
    level: Level

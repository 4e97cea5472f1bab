"""How the series of a figure look in its legend, and what the parts of the data are called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailtune.report.inline_svg import SERIES

GLYPHS = ("●", "■", "▲", "◆", "▼")  # the figures' markers, so that no series is told by colour alone
WATCHED = {"val": "validation", "test": "test"}


@dataclass(frozen=True)
class Mark:
    """How a series looks."""

    label: str
    series: int
    glyph: str


def marks(labels: Sequence[str]) -> list[Mark]:
    """Return a mark for each label, in the order of the colours."""
    return [Mark(label, i % len(SERIES), GLYPHS[i % len(GLYPHS)]) for i, label in enumerate(labels)]

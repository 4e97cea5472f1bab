"""Figure 16: the effect of more majority rows on pictures, with as many minority rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tailtune.paper.growth import arms, growth_claims, growth_figures, growth_tables
from tailtune.paper.page import Asked, Planned, Row, Scale
from tailtune.paper.pictures import planned

TITLE = "Figure 16: majority growth"
CLAIM = (
    "increasing the number of samples from the majority class initially boosts performance; nevertheless, the "
    "performance reaches an optimum before the growing training data imbalance eventually degrades test accuracy"
)
MINORITIES: Mapping[Scale, Sequence[int]] = {"smoke": (10,), "small": (50, 100, 200), "full": (200,)}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.2, 1.0),
    "small": (0.04, 0.1, 0.2, 0.5, 1.0),
    "full": (0.4, 0.5, 0.65, 0.8, 1.0),  # CIFAR-100 has 500 rows of a class
}
tables, claims = growth_tables, growth_claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of ratios for each size of the rarest class. Raises what `planned` raises."""
    brief: dict[str, Any] = {"epochs": 20, "batch_size": 32} if scale == "small" else {}  # 500 rows make 300 steps
    found = planned(scale, asked, arms(MINORITIES[scale]), RATIOS[scale], **brief)
    return {name: replace(one, study=replace(one.study, total=None)) for name, one in found.items()}


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return accuracy by rows of the largest class, and the best number of these."""
    return growth_figures(rows, "fig16")

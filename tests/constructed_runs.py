"""Runs whose verdict is known beforehand: each case of a comparison that a reader must not be misled about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fabricated_runs import Made, assemble

from tailtune.profile import ClassProfile

NAMES = ("kept", "left")
TRAIN = (1800, 200)
ASKS_MORE = np.array([1.0, 4.0])  # class weights that answer "left" from a probability of 0.2 on
ASKS_LESS = np.array([1.0, 0.25])


def scores(targets: np.ndarray, lift: float, seed: int) -> np.ndarray:
    """Probabilities [N, 2] of rows whose score is `lift` standard deviations higher in class 1; almost calibrated."""
    z = np.random.default_rng(seed).normal(size=len(targets)) + lift * targets
    odds = 1 / 9 * np.exp(max(lift, 0.5) * z - lift**2 / 2)  # without a lift they are noise
    return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1)


def case(
    lifts: tuple[float, float],
    test: tuple[int, int] = (1800, 200),
    seeds: tuple[int, int] = (1, 2),
    weights: dict[str, np.ndarray] | None = None,
) -> Made:
    """A model beside XGBoost and the majority class."""
    targets = np.random.default_rng(0).permutation(np.repeat([0, 1], test))
    model, rival = (scores(targets, lift, seed) for lift, seed in zip(lifts, seeds, strict=True))
    majority = np.tile([0.9, 0.1], (len(targets), 1))
    systems = {"tuned": model, "xgboost": rival, "majority": majority}
    return assemble(ClassProfile(TRAIN, NAMES), targets, systems, weights)


CASES: dict[str, Callable[[], Made]] = {
    "same ranking, another threshold": lambda: case((2.0, 2.0), seeds=(1, 1), weights={"tuned": ASKS_MORE}),
    "better ranking, worse threshold": lambda: case((2.6, 1.8), weights={"tuned": ASKS_LESS, "xgboost": ASKS_MORE}),
    "XGBoost ahead": lambda: case((1.6, 2.4), weights={"tuned": ASKS_MORE}),
    "too few rows": lambda: case((2.2, 1.8), test=(108, 12), seeds=(1, 6)),
    "nothing learnt": lambda: case((0.0, 2.0), weights={"tuned": ASKS_MORE}),
}

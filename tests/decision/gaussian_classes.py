"""Rows of Gaussian classes, whose posteriors are known exactly under any class frequencies."""

from __future__ import annotations

import numpy as np


def draw(
    rng: np.random.Generator, frequencies: np.ndarray, rows: int, apart: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, K] of unit variance around apart e_y, and the classes y [N]."""
    y = rng.choice(len(frequencies), p=frequencies, size=rows)
    x = rng.normal(size=(rows, len(frequencies)))
    x[np.arange(rows), y] += apart
    return x, y


def posteriors(x: np.ndarray, priors: np.ndarray, apart: float = 2.0) -> np.ndarray:
    """p(k | x) where the classes have frequencies `priors` [N, K]."""
    return softmax(apart * x + np.log(priors))


def softmax(logits: np.ndarray) -> np.ndarray:
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)

"""Classes of Gaussian rows, whose posterior probabilities are known exactly at any balance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.recalibration import softmax
from tailtune.profile import ClassProfile

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

TWO = np.array([[-0.8, 0.0], [0.8, 0.5]])
THREE = np.array([[0.0, 1.2], [1.0, -0.6], [-1.0, -0.6]])


@dataclass(frozen=True)
class Rows:
    """Rows x [N, 2] with classes [N]."""

    x: Floats
    targets: Indices

    def __len__(self) -> int:
        return len(self.targets)


def profile(balance: Floats, rows: int = 10_000) -> ClassProfile:
    """Training rows of that balance."""
    return ClassProfile(tuple(int(n) for n in np.rint(rows * np.asarray(balance))))


def draw(means: Floats, balance: Floats, rows: int, seed: int) -> Rows:
    """Draw rows of unit variance around the means [K, 2] of their classes."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(len(means), rows, p=np.asarray(balance) / np.sum(balance))
    return Rows(means[targets] + rng.standard_normal((rows, 2)), targets)


def posterior(means: Floats, balance: Floats, x: Floats) -> Floats:
    """Return p(k | x) [N, K] where the classes are as frequent as `balance` says."""
    distances = ((x[:, None] - means[None]) ** 2).sum(axis=2)
    return softmax(np.log(np.asarray(balance)) - distances / 2)


def log_loss(probabilities: Floats, targets: Indices, weights: Floats | None = None) -> float:
    """Return the weighted mean of -log p of the true class."""
    return float(np.average(-np.log(probabilities[np.arange(len(targets)), targets]), weights=weights))

"""How fast the periodic embedding of each numeric column should oscillate, found on the training rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SCALES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
PROBES = 32
PENALTY = 1.0
TOLERANCE = 2.0  # standard errors


@torch.no_grad()
def frequency_scales(
    numeric: Tensor, targets: Tensor, num_classes: int, *, most_rows: int = 10_000, seed: int = 0
) -> Tensor:
    """Choose the standard deviation sigma of the initial frequencies of each numeric column.

    The sigma of PLR embeddings decides more than any other setting, and tables differ in it by three orders of
    magnitude: at 0.03 the embedding is smooth, at 100 nearby values are as unrelated as categories (a capital gain of
    exactly 7688 dollars, say). So every column gets its own. For each sigma of `SCALES` the classes (one-hot) are
    regressed on [1, x, cos(2 pi sigma z x), sin(2 pi sigma z x)] with 32 normal z and a ridge penalty, in two folds.
    The column takes the smallest sigma whose held-out squared error is within two standard errors of the best one's,
    and at least 0.3 (0.1 under 5,000 rows): a column that tells nothing alone may do so together with others.

    Args:
        numeric: about standard normal columns [N, D], the training rows only.
        targets: class indices [N].
        num_classes: K.
        most_rows: how many rows, drawn at random, are looked at.
        seed: of the draws.

    Returns:
        One sigma a column [D].
    """
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(targets), generator=generator)[:most_rows]
    probes = torch.randn(PROBES, generator=generator, dtype=torch.float64)
    onehot = torch.nn.functional.one_hot(targets[rows], num_classes).double()
    half = len(rows) // 2
    folds = ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half)))
    least = 0.3 if len(targets) >= 5000 else 0.1
    chosen = []
    for column in numeric[rows].double().T:
        errors = torch.stack([_held_out_errors(column, scale, probes, onehot, folds) for scale in SCALES])  # [S, M]
        worse = errors - errors[errors.mean(1).argmin()]
        margin = TOLERANCE * worse.std(1) / math.sqrt(len(rows)) + 1e-9
        good = torch.nonzero(worse.mean(1) <= margin)
        chosen.append(max(SCALES[int(good[0])], least))
    return torch.tensor(chosen)


def _held_out_errors(
    x: Tensor, scale: float, probes: Tensor, onehot: Tensor, folds: tuple[tuple[slice, slice], ...]
) -> Tensor:
    """Squared error of each row, summed over the classes, of the ridge regression fitted on the other fold [M]."""
    angles = 2 * math.pi * scale * x[:, None] * probes
    features = torch.cat([torch.ones_like(x)[:, None], x[:, None].clamp(-3, 3), angles.cos(), angles.sin()], dim=1)
    penalty = PENALTY * torch.eye(features.shape[1], dtype=torch.float64)
    penalty[0, 0] = 1e-6  # the intercept is free
    errors = torch.empty(len(x), dtype=torch.float64)
    for fit, held in folds:
        mean = onehot[fit].mean(0)
        design = features[fit]
        weights = torch.linalg.solve(design.T @ design + penalty, design.T @ (onehot[fit] - mean))
        errors[held] = ((onehot[held] - mean - features[held] @ weights) ** 2).sum(1)
    return errors

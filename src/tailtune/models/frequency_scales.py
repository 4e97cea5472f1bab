"""How fast the periodic embedding of each numeric column should oscillate, found on the training rows."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

SCALES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
PROBES = 32
PENALTY = 1.0
TOLERANCE = 2.0  # standard errors
FEW = 30  # a class of fewer rows weighs less than the others, so that two rows do not drown thousands
AT_ONCE = 1 << 18  # numbers of the features of columns that are regressed on together
FOLDS = (slice(0, None, 2), slice(1, None, 2))  # rows come class by class: every class is in both halves

Weighing = Literal["rows", "classes", "both"]


@torch.no_grad()
def frequency_scales(
    numeric: Tensor,
    targets: Tensor,
    num_classes: int,
    *,
    weighing: Weighing = "both",
    most_rows: int = 10_000,
    seed: int = 0,
) -> Tensor:
    """Choose the standard deviation sigma of the initial frequencies of each numeric column.

    The sigma of PLR embeddings decides more than any other setting, and tables differ in it by three orders of
    magnitude: at 0.03 the embedding is smooth, at 100 nearby values are as unrelated as categories (a capital gain of
    exactly 7688 dollars, say). So every column gets its own. For each sigma of `SCALES` the classes (one-hot) are
    regressed on [1, x, cos(2 pi sigma z x), sin(2 pi sigma z x)] with 32 normal z and a ridge penalty, in two folds.
    The column takes the smallest sigma whose held-out squared error is within two standard errors of the best one's,
    and at least 0.3 (0.1 under 5,000 rows): a column that tells nothing alone may do so together with others.

    Fit, error and standard error are weighted alike. Where every row weighs the same, what only a rare class asks for
    goes unseen; where every class weighs the same, a few rows of many small classes hide what the others ask for. So
    both are tried, and the column takes the larger sigma of the two.

    Args:
        numeric: about standard normal columns [N, D], the training rows only.
        targets: class indices [N]; classes may be empty.
        num_classes: K.
        weighing: "rows", all rows the same; "classes", all classes the same, but for those of fewer than `FEW` rows;
            or "both".
        most_rows: how many rows are looked at, drawn at random, half of them evenly from the classes as far as these
            go.
        seed: of the draws.

    Returns:
        One sigma a column [D].
    """
    generator = torch.Generator().manual_seed(seed)
    rows = _drawn(targets, num_classes, most_rows, generator)
    probes = torch.randn(PROBES, generator=generator, dtype=torch.float64)
    classes = targets[rows]
    weights = _weights(classes, torch.bincount(targets, minlength=num_classes), weighing)
    least = 0.3 if len(targets) >= 5000 else 0.1
    chosen = list[float]()
    columns, at_once = numeric[rows].double().T, max(1, AT_ONCE // (len(rows) * (2 + 2 * PROBES)))
    for first in range(0, len(columns), at_once):
        errors = [
            held_out_errors(columns[first : first + at_once], scale, probes, classes, weights) for scale in SCALES
        ]
        of_each = torch.stack(errors, dim=2)  # [C, W, S, M]
        chosen += [max(least, *(_smallest(e, w) for e, w in zip(ways, weights, strict=True))) for ways in of_each]
    return torch.tensor(chosen)


def _drawn(targets: Tensor, num_classes: int, most: int, generator: torch.Generator) -> Tensor:
    """Draw `most` rows: half as the classes come, half evenly from the classes; positions, class by class [M].

    Evenly as far as they have rows. So no row stands for many more others than another one does, in either weighing.
    """
    shuffled = torch.randperm(len(targets), generator=generator)
    order = shuffled[torch.sort(targets[shuffled], stable=True).indices]
    counts = torch.bincount(targets, minlength=num_classes)
    place = torch.arange(len(targets)) - (counts.cumsum(0) - counts)[targets[order]]  # of each row in its class
    as_they_come = counts * (most // 2) // max(len(targets), most // 2)
    further = _most_of_a_class(counts - as_they_come, most - int(as_they_come.sum()))
    return order[place < (as_they_come + further)[targets[order]]]


def _most_of_a_class(counts: Tensor, most: int) -> int:
    """Return the largest c with ``sum_k min(counts_k, c) <= most``, at least 1; all rows of a class if they fit."""
    left, ascending = most, sorted(counts[counts > 0].tolist())
    for place, count in enumerate(ascending):
        share = left // (len(ascending) - place)
        if count > share:
            return max(1, share)
        left -= count
    return max(ascending, default=0)


def _weights(classes: Tensor, counts: Tensor, weighing: Weighing) -> Tensor:
    """Weights of the drawn rows for each way of weighing, of mean 1 [W, M]; counts [K] are those of all rows."""
    drawn = torch.bincount(classes, minlength=len(counts))
    of_a_row = {"rows": counts / drawn, "classes": 1 / drawn.clamp(min=FEW)}
    ways = of_a_row.values() if weighing == "both" else [of_a_row[weighing]]
    weights = torch.stack([way.double()[classes] for way in ways])
    return weights / weights.mean(1, keepdim=True)


def held_out_errors(x: Tensor, scale: float, probes: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Squared error of each row, summed over the classes, of the weighted ridge regression fitted on the other fold.

    Args:
        x: columns, each by itself [C, M].
        scale: sigma.
        probes: frequencies at a sigma of 1 [P].
        classes: class indices [M].
        weights: of the rows, a regression each [W, M].

    Returns:
        Errors, not weighted [C, W, M].
    """
    angles = 2 * math.pi * scale * x[..., None] * probes
    features = torch.cat([torch.ones_like(x)[..., None], x[..., None].clamp(-3, 3), angles.cos(), angles.sin()], dim=2)
    penalty = PENALTY * torch.eye(features.shape[2], dtype=torch.float64)
    penalty[0, 0] = 1e-6  # the intercept is free
    k = int(classes.max()) + 1
    errors = torch.empty(len(x), *weights.shape, dtype=torch.float64)
    for way, weight in enumerate(weights):
        for fit, held in (FOLDS, FOLDS[::-1]):
            design = features[:, fit] * weight[fit, None]
            shares = torch.zeros(k, dtype=torch.float64).index_add(0, classes[fit], weight[fit]) / weight[fit].sum()
            moments = torch.zeros(len(x), k, len(penalty), dtype=torch.float64).index_add(1, classes[fit], design)
            moments -= shares[:, None] * design.sum(1, keepdim=True)
            solution = torch.linalg.solve(design.mT @ features[:, fit] + penalty, moments.mT)
            told = shares + features[:, held] @ solution  # [C, M / 2, K]; the square of (one-hot - told) is written out
            right = told.gather(2, classes[held].expand(len(x), -1)[..., None])[..., 0]
            errors[:, way, held] = told.square().sum(2) - 2 * right + 1
    return errors


def _smallest(errors: Tensor, weight: Tensor) -> float:
    """Return the smallest sigma whose weighted mean error is within the tolerance of the best, from [S, M] and [M]."""
    worse = errors - errors[(errors @ weight).argmin()]
    mean = worse @ weight / weight.sum()
    error = ((worse - mean[:, None]) * weight).square().sum(1).sqrt() / weight.sum()
    return SCALES[int(torch.nonzero(mean <= TOLERANCE * error + 1e-9)[0])]

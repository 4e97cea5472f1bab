"""How much each of several models counts in the mean of their probabilities, from rows that none was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.data.splits import folds
from tailtune.decision.grouped_rows import standard_error, unit_folds, units_of
from tailtune.profile import Floats

PICKS = 50  # of models, with replacement, so that weights are multiples of a fiftieth
PARTS = 5  # of the rows: each is judged by weights that were chosen on the others
FEWEST = 30  # rows, under which nothing is chosen
SMALLEST = 1e-15  # probability whose logarithm is taken


@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of models.

    Attributes:
        weights: of each model [M]; they sum to 1.
        chosen: how far they were chosen: 1 for wholly, 0.5 for half way from equal ones, 0 for equal ones.
        gain: of the log loss by chosen weights over equal ones, on rows that did not choose them; None where none were
            sought, of one model or on fewer than 30 rows.
        error: standard error of the gain; likewise.
    """

    weights: Floats
    chosen: float
    gain: float | None = None
    error: float | None = None


def blend(
    members: Sequence[Floats],
    targets: NDArray[np.int64],
    row_weights: Floats | None = None,
    groups: NDArray[np.str_] | None = None,
) -> Blend:
    """Choose weights by log loss, as far as the rows can tell that they are better than equal ones.

    Greedy selection with replacement (Caruana et al., "Ensemble selection from libraries of models", ICML 2004), on
    four of five parts of the rows at a time; the weights are the mean of the five. The gain over equal weights is
    measured on the part left out. Where it is more than its standard error the chosen weights are taken, where it is
    less the mean of chosen and equal ones, and where there is none equal ones. The error grows as rare rows become few,
    so that little to judge by moves little.

    Args:
        members: class probabilities of each model [N, K].
        targets: class indices [N].
        row_weights: weight of each row [N]; None for equal ones.
        groups: what each row belongs to [N]: rows of a group are in one part, and the error is that of groups.

    Returns:
        The weights.
    """
    count, rows = len(members), np.arange(len(targets))
    equal, units = np.full(count, 1 / count), units_of(len(targets), groups)
    part = folds(targets, PARTS) if groups is None else unit_folds(targets, units, PARTS, seed=0)
    if count == 1 or (part >= 0).sum() < FEWEST or len(np.unique(part[part >= 0])) == 1:
        return Blend(equal, chosen=0)
    of_target = np.stack([probabilities[rows, targets] for probabilities in members])  # [M, N]
    importance = np.ones(len(targets)) if row_weights is None else np.asarray(row_weights, dtype=np.float64)
    found, left_out = [], np.zeros(len(targets))
    for number in range(PARTS):
        inside = part != number
        weights = _greedy(of_target[:, inside], importance[inside])
        found.append(weights)
        left_out[part == number] = _losses(weights @ of_target[:, part == number])
    gains = ((_losses(equal @ of_target) - left_out) * importance / importance.mean())[part >= 0]
    gain, error = float(gains.mean()), standard_error(gains, np.unique(units[part >= 0], return_inverse=True)[1])
    chosen = 0.0 if gain <= 0 else 0.5 if gain <= error else 1.0
    return Blend(chosen * np.mean(found, axis=0) + (1 - chosen) * equal, chosen, gain, error)


def _greedy(of_target: Floats, importance: Floats) -> Floats:
    """Weights [M] of `PICKS` picks, or of as many as have the lowest loss on the way."""
    picks, total = np.zeros(len(of_target)), np.zeros(of_target.shape[1])
    best, lowest = picks, np.inf
    for size in range(1, PICKS + 1):
        losses = [float((_losses((total + one) / size) * importance).sum()) for one in of_target]
        pick = int(np.argmin(losses))
        total, picks = total + of_target[pick], picks.copy()
        picks[pick] += 1
        if losses[pick] < lowest:
            best, lowest = picks, losses[pick]
    return np.asarray(best / best.sum())


def _losses(of_target: Floats) -> Floats:
    return np.asarray(-np.log(np.maximum(of_target, SMALLEST)))

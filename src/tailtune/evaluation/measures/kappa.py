"""Quadratic-weighted kappa: agreement beyond chance for three or more classes that have an order."""

import numpy as np
from numpy.typing import ArrayLike

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Floats, Statistic, Weights


def quadratic_kappa(confusion: ArrayLike) -> float | None:
    """Agreement beyond chance for ordered classes, where a far miss counts more.

    kappa = 1 - sum_ij w_ij O_ij / sum_ij w_ij E_ij, with w_ij = (i - j)^2, the confusion matrix O and what it would be
    by chance with the same margins, E_ij = (sum_j O_ij) (sum_i O_ij) / N. 1 is full agreement, 0 that of chance.

    Args:
        confusion: counts [K, K], the truth by row; classes in their order.

    Returns:
        The figure, at most 1; None where all rows and all predictions are of one and the same class.

    Source: Cohen 1968, "Weighted kappa".

    >>> quadratic_kappa([[10, 0, 0], [0, 10, 0], [2, 0, 8]])
    0.8
    """
    observed = np.asarray(confusion, dtype=np.float64)
    place = np.arange(len(observed))
    weights = (place[:, None] - place) ** 2
    margins = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    expected = (weights * margins).sum()  # times N, so that a constant answer scores exactly zero
    return float(1 - observed.sum() * (weights * observed).sum() / expected) if expected > 0 else None


def _resampled(scored: Scored) -> Statistic | None:
    """As resampling keeps the class sizes, both sums are sums over rows: of (y - predicted)^2, and of what that is on
    average over all rows' classes. Both are kept times N, so that a constant answer scores exactly zero.
    """
    if len(scored.present) < 2:
        return None
    place = np.arange(len(scored.support))
    by_chance = (place[:, None] - place) ** 2 @ scored.support
    observed = (scored.targets - scored.predicted) ** 2 * scored.total
    sums = np.stack([observed, by_chance[scored.predicted]]).astype(np.float64)

    def statistic(weights: Weights) -> Floats:
        observed, expected = sums @ weights
        return np.asarray(1 - observed / expected)

    return statistic


kappa = Measure(
    key="kappa",
    words="Agreement on ordered classes",
    term="quadratic-weighted kappa",
    meaning="How far answers and true classes agree beyond chance, where a miss counts by the square of its distance "
    "in the order of the classes: 1 is full agreement, 0 that of chance.",
    short="Kappa",
    source="Cohen 1968, Weighted kappa",
    everywhere=False,
    value=lambda scored: quadratic_kappa(scored.mass),
    applies=lambda profile: profile.num_classes > 2,
    resampled=_resampled,
    most=1.0,
)

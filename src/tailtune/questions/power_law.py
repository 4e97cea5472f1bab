"""Power laws with an offset through losses at several numbers of rows, and what further rows are worth by them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

Floats = NDArray[np.float64]
EXPONENTS = np.geomspace(0.05, 3.0, 30)
STEPS = (1.16, 1.02)  # factors between which the grid is refined
RESAMPLES = 2000


@dataclass(frozen=True)
class PowerLaws:
    """Curves c + a (n / n_0)^-b, one a row of losses [B].

    Attributes:
        reference: n_0, the largest number of rows.
        offset: c, the loss with endless rows, 0 or more [B].
        scale: a, what more rows can gain from n_0 on [B]; below 0 more rows do harm.
        exponent: b, how fast [B].
    """

    reference: float
    offset: Floats
    scale: Floats
    exponent: Floats

    def at(self, rows: float) -> Floats:
        """Loss with so many rows [B]."""
        return np.asarray(self.offset + self.scale * (rows / self.reference) ** -self.exponent)


def power_laws(rows: ArrayLike, losses: ArrayLike) -> PowerLaws:
    """Fit curves by least squares: for each exponent of a grid the line in (n / n_0)^-b, and then the best exponent.

    Args:
        rows: numbers of rows, three or more different ones [P].
        losses: at these numbers [B, P], or one curve [P].

    Raises:
        TailtuneError: fewer than three different numbers of rows, or losses of another length.

    >>> found = power_laws([10, 20, 40, 80], [1.0, 0.75, 0.625, 0.5625])  # 0.5 + 5 / n
    >>> bool(abs(found.at(160.0)[0] - 0.53125) < 1e-3)
    True
    """
    n, y = np.asarray(rows, dtype=np.float64), np.atleast_2d(np.asarray(losses, dtype=np.float64))
    if len(np.unique(n)) < 3 or y.shape[1] != len(n):
        raise TailtuneError(f"a power law needs losses at three numbers of rows or more, however: {n.tolist()}")
    reference = float(n.max())
    exponent = _best(y, n / reference, np.tile(EXPONENTS, (len(y), 1)))
    for step in STEPS:  # around the best of the grid before
        near = exponent[:, None] * np.geomspace(1 / step, step, 15)
        exponent = _best(y, n / reference, np.clip(near, EXPONENTS[0], EXPONENTS[-1]))
    offset, scale, _ = _line(y, (n / reference) ** -exponent[:, None])
    return PowerLaws(reference, offset, scale, exponent)


def _best(y: Floats, n: Floats, exponents: Floats) -> Floats:
    """The exponent [B] of the smallest squared error among those of each curve [B, E]."""
    errors = np.stack([_line(y, n ** -each[:, None])[2] for each in exponents.T], axis=1)
    return np.asarray(exponents[np.arange(len(y)), errors.argmin(axis=1)])


def _line(y: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Offset of 0 or more, slope and squared error [B] of the least-squares line of y [B, P] in x [B, P]."""
    centred = x - x.mean(axis=1, keepdims=True)
    slope = (y * centred).sum(axis=1) / (centred**2).sum(axis=1)
    offset = y.mean(axis=1) - slope * x.mean(axis=1)
    slope = np.where(offset < 0, (y * x).sum(axis=1) / (x**2).sum(axis=1), slope)
    offset = np.maximum(offset, 0)
    errors = ((y - offset[:, None] - slope[:, None] * x) ** 2).sum(axis=1)
    return np.asarray(offset), np.asarray(slope), np.asarray(errors)


@dataclass(frozen=True)
class Worth:
    """What further rows lower a loss by, with a 95 % interval over seeds where there are two or more."""

    mean: float
    interval: tuple[float, float] | None


def resampled_means(values: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Return means over seeds that are drawn with replacement [resamples, P], the same seeds for every place.

    Args:
        values: a seed a row [S, P].
        resamples: how many.
        seed: of the drawing; the same seed draws the same rows, so that several curves share the draws.
    """
    y = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(y), (resamples, len(y)))
    return np.asarray(y[drawn].mean(axis=1))


def worth(estimate: float, draws: ArrayLike, seeds: int) -> Worth:
    """Return an estimate with its interval: t quantiles times the bootstrap's standard error.

    The plain percentiles of few seeds are too narrow: the bootstrap's variance is (S - 1) / S of the unbiased one, and
    a normal quantile takes it as known. So it is multiplied by S / (S - 1), and Student's quantile of S - 1 taken.

    Args:
        estimate: from all seeds.
        draws: the same from resampled seeds.
        seeds: how many there are, S.

    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.2 on narrowness bias.
    """
    if seeds < 2:
        return Worth(estimate, None)
    from scipy.special import stdtrit

    error = float(np.std(np.asarray(draws, dtype=np.float64))) * math.sqrt(seeds / (seeds - 1))
    reach = float(stdtrit(seeds - 1, 0.975)) * error
    return Worth(estimate, (estimate - reach, estimate + reach))

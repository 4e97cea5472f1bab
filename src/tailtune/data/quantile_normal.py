"""The quantile-normal transform of the tabular protocol: numbers to the normal scores of their training ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BOUND = 1e-7  # ranks are kept this far from 0 and 1, so that scores stay finite: within +-5.2
TIE_NOISE = 1e-3


@dataclass(frozen=True)
class QuantileNormal:
    """Maps each column x to Phi^-1(F(x)), with F the piecewise linear training distribution function.

    Between quantiles F is the mean of the interpolations from below and from above, so that a value that fills
    several quantiles gets their middle rank; this is scikit-learn's `QuantileTransformer(output_distribution=
    "normal")`, from arrays that can be saved. At and beyond the outermost training values F is 0 and 1.

    Attributes:
        quantiles: of each column at the reference ranks [Q, D].
        medians: of each column, put where a value is missing [D].
    """

    quantiles: Floats
    medians: Floats

    @classmethod
    def fit(cls, values: Floats, seed: int = 0) -> QuantileNormal:
        """Find the quantiles of training values.

        Q = max(min(N / 30, 1000), 10), at most N. A little normal noise breaks ties before the quantiles are taken:
        without it the smallest value, often a very frequent zero, would become -5.2. Its scale is 1e-3 of the column's
        standard deviation, but at most a tenth of the gap to the nearest other value, so that the values keep their
        order however far apart they lie. The protocol's code divides 1e-3 by the deviation instead, so that its noise
        depends on the unit of a column; and it has none for some data sets.

        Args:
            values: [N, D], NaN where missing; every column has a value.
            seed: of the noise.

        Returns:
            The fitted transform.

        Source: Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data".
        """
        n, d = values.shape
        ranks = np.linspace(0, 1, min(max(min(n // 30, 1000), 10), n))
        quantiles, medians = np.empty((len(ranks), d)), np.empty(d)
        rng = np.random.default_rng(seed)
        noisy = np.array(values)
        missing = np.isnan(values)
        for j in range(d):
            there = ~missing[:, j]
            column = values[there, j]
            noisy[there, j] += tie_noise(column) * rng.standard_normal(len(column))
        gaps = missing.any(axis=0)
        whole = np.flatnonzero(~gaps)  # all at once, because in a wide table most of the time goes by column
        medians[whole] = np.median(values[:, whole], axis=0)
        quantiles[:, whole] = np.quantile(noisy[:, whole], ranks, axis=0)
        for j in np.flatnonzero(gaps).tolist():
            there = ~missing[:, j]
            medians[j] = np.median(values[there, j])
            quantiles[:, j] = np.quantile(noisy[there, j], ranks)
        return cls(np.maximum.accumulate(quantiles, axis=0), medians)

    def transform(self, values: Floats) -> NDArray[np.float32]:
        """Return the normal scores of `values` [N, D]; a missing value gets that of the training median."""
        import torch

        ranks = np.linspace(0, 1, len(self.quantiles))
        shares = np.empty_like(values)
        for j, quantiles in enumerate(self.quantiles.T):
            x = np.where(np.isnan(values[:, j]), self.medians[j], values[:, j])
            from_below = np.interp(x, quantiles, ranks)
            from_above = 1 - np.interp(-x, -quantiles[::-1], ranks)
            share = (from_below + from_above) / 2
            share[x >= quantiles[-1]] = 1
            share[x <= quantiles[0]] = 0
            if quantiles[0] == quantiles[-1]:  # one value only: where it is missing is all that the column tells
                share[:] = 0.5
            shares[:, j] = share
        scores = torch.special.ndtri(torch.from_numpy(np.clip(shares, BOUND, 1 - BOUND)))
        normal: NDArray[np.float32] = scores.numpy().astype(np.float32)
        return normal


def tie_noise(column: Floats) -> Floats:
    """Return the scale of the noise that breaks the ties of a column without missing values, by row [N], see `fit`."""
    distinct, positions = np.unique(column, return_inverse=True)
    if len(distinct) == 1:
        return np.zeros_like(column)
    gaps = np.pad(np.diff(distinct), 1, constant_values=np.inf)
    nearest_gap = np.minimum(gaps[:-1], gaps[1:])
    scale: Floats = np.minimum(TIE_NOISE * column.std(), 0.1 * nearest_gap)[positions]
    return scale

"""The quantile-normal transform of the tabular protocol: numbers to the normal scores of their training ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import Floats, blocks

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
        columns = np.ascontiguousarray(values.T)
        there = ~np.isnan(columns)
        noise = np.zeros((d, n))
        noise[there] = np.random.default_rng(seed).standard_normal(int(there.sum()))
        counts = there.sum(axis=1)
        for count in np.unique(counts).tolist():
            alike = np.flatnonzero(counts == count)
            for some in (alike[part] for part in blocks(len(alike), count)):
                present = columns[some][there[some]].reshape(-1, count)
                noisy = present + tie_noise(present) * noise[some][there[some]].reshape(-1, count)
                medians[some] = np.median(present, axis=1)
                quantiles[:, some] = np.quantile(noisy, ranks, axis=1)
        return cls(np.maximum.accumulate(quantiles, axis=0), medians)

    def transform(self, values: Floats) -> NDArray[np.float32]:
        """Return the normal scores of `values` [N, D]; a missing value gets that of the training median."""
        import torch

        shares = np.empty_like(values)
        for some in blocks(values.shape[1], len(values)):
            x = np.where(np.isnan(values[:, some]), self.medians[some], values[:, some])
            shares[:, some] = _shares(x.T, self.quantiles[:, some].T).T
        scores = torch.special.ndtri(torch.from_numpy(np.clip(shares, BOUND, 1 - BOUND)))
        normal: NDArray[np.float32] = scores.numpy().astype(np.float32)
        return normal


def tie_noise(columns: Floats) -> Floats:
    """Return the scale of the noise that breaks the ties of columns [..., N] without missing values, see `fit`."""
    order = np.argsort(columns, axis=-1, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=-1)
    steps = np.diff(ordered, axis=-1)
    end = np.full_like(steps, np.inf, shape=(*columns.shape[:-1], 1))
    below = _last_step(np.concatenate([end, steps], axis=-1))
    above = _last_step(np.concatenate([steps, end], axis=-1)[..., ::-1])[..., ::-1]
    scales = np.minimum(TIE_NOISE * columns.std(axis=-1, keepdims=True), 0.1 * np.minimum(below, above))
    constant = ordered[..., :1] == ordered[..., -1:]
    found = np.empty_like(columns)
    np.put_along_axis(found, order, np.where(constant, 0, scales), axis=-1)
    return found


def _last_step(steps: Floats) -> Floats:
    """Return at each place the last step up to there that is one, the first being one [..., N]."""
    places = np.where(steps != 0, np.arange(steps.shape[-1]), 0)
    return np.take_along_axis(steps, np.maximum.accumulate(places, axis=-1), axis=-1)


def _shares(x: Floats, quantiles: Floats) -> Floats:
    """Return F(x) of columns [D, N] by their quantiles [D, Q]."""
    ranks = np.linspace(0, 1, quantiles.shape[1])
    from_above = 1 - _interpolated(-x, -quantiles[:, ::-1], ranks)
    shares = (_interpolated(x, quantiles, ranks) + from_above) / 2
    shares[x >= quantiles[:, -1:]] = 1
    shares[x <= quantiles[:, :1]] = 0
    shares[quantiles[:, 0] == quantiles[:, -1]] = 0.5  # one value: where it is missing is all that the column tells
    return shares


def _interpolated(x: Floats, knots: Floats, values: Floats) -> Floats:
    """Return what ``np.interp`` does for each column of x [D, N] between its own knots [D, Q]; beyond them anything."""
    import torch

    if len(values) == 1:
        return np.zeros_like(x)
    sorted_knots, places = (torch.from_numpy(np.ascontiguousarray(array)) for array in (knots, x))
    at = torch.searchsorted(sorted_knots, places, right=True).numpy()
    left = np.clip(at - 1, 0, len(values) - 2)
    low, high = (np.take_along_axis(knots, at, axis=1) for at in (left, left + 1))
    with np.errstate(all="ignore"):
        between: Floats = (values[left + 1] - values[left]) / (high - low) * (x - low) + values[left]
    return np.where(x == low, values[left], between)

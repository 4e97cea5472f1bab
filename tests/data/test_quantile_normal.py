from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from tailtune.data.quantile_normal import QuantileNormal, tie_noise


@pytest.mark.parametrize("n", [7, 100, 5000])
def test_equals_scikit_learn(n):
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(size=n), rng.exponential(size=n) * 50, rng.integers(0, 4, n), rng.normal(size=n)], 1)
    values[1 : n // 3, 3] = np.nan
    ours = QuantileNormal.fit(values, seed=5)

    noise = np.random.default_rng(5)
    noisy = values.copy()
    for j in range(values.shape[1]):
        present = ~np.isnan(values[:, j])
        noisy[present, j] += tie_noise(values[present, j]) * noise.standard_normal(present.sum())
    quantiles = min(max(min(n // 30, 1000), 10), n)
    theirs = QuantileTransformer(n_quantiles=quantiles, output_distribution="normal", subsample=None).fit(noisy)
    np.testing.assert_allclose(ours.quantiles, theirs.quantiles_, rtol=1e-12, atol=1e-12)

    new = rng.normal(size=(1000, 4)) * 3
    new[::10, 2] = 1  # a value of the training rows that fills several quantiles
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new), rtol=0, atol=2e-6)
    filled = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    np.testing.assert_allclose(ours.transform(values), theirs.transform(filled), rtol=0, atol=2e-6)


def test_frequent_values_get_their_middle_rank():
    column = np.array([0.0] * 900 + list(range(1, 101)))[:, None]
    scores = QuantileNormal.fit(column).transform(column)
    assert abs(scores[0, 0] - norm.ppf(0.45)) < 0.1


def test_scores_are_normal_whatever_the_scale_and_the_outliers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    for column in (x * 1e-20, x * 1e30, np.append(x[:-1], 1e12), np.exp(5 * x)):
        scores = QuantileNormal.fit(column[:, None]).transform(column[:, None])[:, 0]
        assert np.isfinite(scores).all()
        assert abs(scores.std() - 1) < 0.05
        assert np.corrcoef(np.argsort(np.argsort(column)), np.argsort(np.argsort(scores)))[0, 1] > 0.999


def test_values_outside_the_training_range_stay_finite():
    fitted = QuantileNormal.fit(np.arange(100.0)[:, None])
    low, high = fitted.transform(np.array([[-1e300], [1e300]]))[:, 0]
    assert (low, high) == (pytest.approx(norm.ppf(1e-7), abs=1e-5), pytest.approx(-norm.ppf(1e-7), abs=1e-5))


def test_column_of_one_value_is_zero():
    fitted = QuantileNormal.fit(np.array([[5.0], [np.nan], [5.0]]))
    assert fitted.transform(np.array([[5.0], [np.nan], [9.0]])).tolist() == [[0.0], [0.0], [0.0]]


def test_no_columns():
    assert QuantileNormal.fit(np.zeros((5, 0))).transform(np.zeros((2, 0))).shape == (2, 0)

"""Curves through exact power laws, against scipy's fit with noise, and intervals that cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from tailtune.errors import TailtuneError
from tailtune.questions.power_law import power_laws, resampled_means, worth

ROWS = np.array([10.0, 20, 40, 80])


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(-1, 1), st.floats(0.1, 2))
def test_an_exact_law_is_found_up_to_twice_the_rows(c: float, a: float, b: float) -> None:
    found = power_laws(ROWS, c + a * (ROWS / 80) ** -b)
    assert found.at(160.0)[0] == pytest.approx(c + a * 2**-b, abs=0.02 * abs(a) + 1e-9)


def test_the_fit_is_no_worse_than_scipys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        y = 0.2 + 0.4 * (ROWS / 80) ** -0.7 + 0.03 * rng.standard_normal(4)
        found = power_laws(ROWS, y)
        ours = sum((found.at(n)[0] - value) ** 2 for n, value in zip(ROWS, y, strict=True))
        start = (found.offset[0], found.scale[0], found.exponent[0])
        best, _ = curve_fit(
            lambda n, c, a, b: c + a * (n / 80) ** -b, ROWS, y, start, bounds=([0, -9, 0.05], [9, 9, 3]), maxfev=9999
        )
        theirs = np.sum((best[0] + best[1] * (ROWS / 80) ** -best[2] - y) ** 2)
        assert ours <= theirs + 1e-5


def test_no_loss_is_foretold_below_zero() -> None:
    found = power_laws(ROWS, [1.0, 0.5, 0.15, 0.02])
    assert found.offset[0] >= 0
    assert found.at(1e9)[0] >= 0


def test_many_curves_are_as_one_by_one() -> None:
    y = np.random.default_rng(1).uniform(size=(7, 4))
    together = power_laws(ROWS, y).at(100)
    np.testing.assert_allclose(together, [power_laws(ROWS, each).at(100)[0] for each in y])


def test_intervals_of_few_seeds_cover() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        values = rng.normal(size=(3, 1))
        low, high = worth(float(values.mean()), resampled_means(values, 300)[:, 0], 3).interval or (9, -9)
        covered += low <= 0 <= high
    assert 0.92 <= covered / 400 <= 0.98
    assert worth(1.0, [1.0], 1).interval is None


def test_two_numbers_of_rows_are_no_curve() -> None:
    with pytest.raises(TailtuneError, match="three numbers of rows or more"):
        power_laws([1, 2], [0.1, 0.2])

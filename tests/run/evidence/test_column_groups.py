from __future__ import annotations

import numpy as np
import pytest
from scipy.stats.contingency import association

from tailtune.run.evidence.column_groups import column_groups, correlation_ratio, cramers_v


def test_duplicates_and_near_duplicates_form_groups_whatever_their_kind() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=800), rng.normal(size=800)
    level = np.digitize(a, [-1, 0, 1])
    columns = [a, b, -a + 0.1 * rng.normal(size=800), level, rng.integers(0, 5, 800), (7 * level) % 5, None]
    assert column_groups(columns) == [[0, 2, 3, 5], [1], [4], [6]]


def test_noise_stays_apart_however_many_levels_it_has() -> None:
    rng = np.random.default_rng(1)
    columns = [*(rng.integers(0, levels, 400) for levels in (2, 40, 150)), rng.normal(size=400)]
    assert column_groups(columns) == [[0], [1], [2], [3]]


def test_constant_columns_go_with_nothing() -> None:
    assert column_groups([np.zeros(50), np.zeros(50, dtype=np.int64), np.arange(50.0)]) == [[0], [1], [2]]
    assert column_groups([np.arange(5.0)]) == [[0]]
    assert column_groups([None, None]) == [[0], [1]]


def test_cramers_v_is_scipys_but_for_its_correction() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, 3, 20_000)
    b = np.where(rng.random(20_000) < 0.6, a, rng.integers(0, 3, 20_000))
    counts = np.histogram2d(a, b, bins=3)[0].astype(int)
    assert cramers_v(a, b) == pytest.approx(association(counts, method="cramer"), abs=2e-3)


def test_the_correlation_ratio_is_the_root_of_r_squared_of_level_means() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, 20_000)
    values = codes + rng.normal(size=20_000)
    means = np.array([values[codes == k].mean() for k in range(4)])[codes]
    assert correlation_ratio(values[:, None], codes)[0] == pytest.approx(np.corrcoef(values, means)[0, 1], abs=1e-3)

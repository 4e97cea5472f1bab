from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tailtune.data.splits import folds as folds_of
from tailtune.decision.conformal import fit_conformal
from tailtune.decision.cross_conformal import fit_cross_conformal
from tailtune.errors import TailtuneError


def draw(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two classes in 12 dimensions, one in five of them of the rarer one."""
    y = (np.arange(rows) % 5 == 0).astype(np.int64)
    x = rng.normal(size=(rows, 12))
    x[:, 0] += 2.0 * y
    return x, y


def test_coverage_of_each_class_where_the_models_fit_their_rows_too_well() -> None:
    rng = np.random.default_rng(0)
    tries, across = 40, np.zeros(2)
    for _ in range(tries):
        x, y = draw(rng, 100)
        new, truth = draw(rng, 1000)
        fold = folds_of(y, 5, int(rng.integers(1 << 30)))
        held, by_fold = np.zeros((100, 2)), np.zeros((5, 1000, 2))
        for f in range(5):
            model = LogisticRegression(C=100.0).fit(x[fold != f], y[fold != f])
            held[fold == f], by_fold[f] = model.predict_proba(x[fold == f]), model.predict_proba(new)
        rows = np.arange(1000)
        inside = fit_cross_conformal(held, y, fold, 0.9)(by_fold)[rows, truth]
        for k in range(2):
            across[k] += inside[truth == k].mean() / tries
    # 20 calibration rows of the rarer class: the share of one draw scatters by 0.07, the mean of 40 by 0.011
    assert (across > 0.9 - 0.03).all()
    assert (across < 0.97).all()


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_one_fold_gives_the_sets_of_split_conformal(seed: int, rows: int, coverage: float) -> None:
    rng = np.random.default_rng(seed)
    held, new = (rng.dirichlet(np.ones(3), size).round(2) + 1e-9 for size in (rows, 50))
    held, new = held / held.sum(axis=1, keepdims=True), new / new.sum(axis=1, keepdims=True)
    y = rng.integers(0, 3, rows)
    expected = fit_conformal(held, y, coverage)
    found = fit_cross_conformal(held, y, np.zeros(rows, dtype=np.int64), coverage)
    np.testing.assert_array_equal(found(new[None]), expected(new))
    assert found.note == expected.note


def test_every_row_is_compared_by_the_model_that_did_not_see_it() -> None:
    rng = np.random.default_rng(1)
    held, by_fold = rng.dirichlet(np.ones(3), 60), rng.dirichlet(np.ones(3), (4, 20))
    y, fold = rng.integers(0, 3, 60), rng.integers(0, 4, 60)
    found = fit_cross_conformal(held, y, fold, 0.8)(by_fold)
    for row in range(20):
        for k in range(3):
            own = np.flatnonzero(y == k)
            stranger = sum(1 - held[i, k] >= 1 - by_fold[fold[i], row, k] for i in own)
            assert found[row, k] == (1 + stranger > 0.2 * (len(own) + 1) + 1e-9)


def test_refusals() -> None:
    p = [[0.8, 0.2], [0.3, 0.7]]
    with pytest.raises(TailtuneError, match="coverage must lie between"):
        fit_cross_conformal(p, [0, 1], [0, 1], 1.0)
    for folds in ([0], [0, -1], [0.0, 1.0]):
        with pytest.raises(TailtuneError, match="folds must be numbers from 0 of the 2 rows"):
            fit_cross_conformal(p, [0, 1], folds)
    with pytest.raises(TailtuneError, match=r"of 2 folds and 2 classes, however: \(1, 2, 2\)"):
        fit_cross_conformal(p, [0, 1], [0, 1])([p])

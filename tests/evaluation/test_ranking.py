from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tailtune.evaluation.ranking import auroc, average_precision, precision_recall_curve

scored = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=60)


@given(scored)
def test_areas_agree_with_scikit_learn_under_ties(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows])
    positive = np.array([flag for _, flag in rows])
    if positive.any():
        assert average_precision(scores, positive) == pytest.approx(average_precision_score(positive, scores))
    if positive.any() and not positive.all():
        assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_areas_of_a_one_sided_split_are_undefined() -> None:
    scores = np.array([0.2, 0.7])
    assert auroc(scores, np.array([True, True])) is None
    assert auroc(scores, np.array([False, False])) is None
    assert average_precision(scores, np.array([False, False])) is None
    assert average_precision(scores, np.array([True, True])) == 1.0


def test_curve_by_hand() -> None:
    precision, recall = precision_recall_curve(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, False]))
    np.testing.assert_allclose(precision, [1, 2 / 3, 1 / 2])
    np.testing.assert_allclose(recall, [1 / 2, 1, 1])


def test_auroc_is_the_chance_of_the_right_order() -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.integers(0, 9, 80).astype(float), rng.random(80) < 0.3
    pairs = scores[positive][:, None] - scores[~positive][None]
    assert auroc(scores, positive) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))

from __future__ import annotations

import json

import numpy as np
import pytest
from decision.gaussian_classes import draw, posteriors

from tailtune.decision.conformal import ConformalSets, fit_conformal, rows_needed
from tailtune.errors import TailtuneError

PRIORS = np.array([0.7, 0.2, 0.1])


def test_coverage_of_each_class_over_splits_of_exchangeable_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = draw(rng, PRIORS, 4000, apart=1.0)
    p = posteriors(x, PRIORS, apart=1.0)
    splits, covered, spread = 20, np.zeros(3), np.zeros(3)
    for _ in range(splits):
        order = rng.permutation(len(y))
        fitted, new = order[:1000], order[1000:]
        sets = fit_conformal(p[fitted], y[fitted], coverage=0.9)
        inside = sets(p[new])[np.arange(len(new)), y[new]]
        for k, n in enumerate(sets.calibration_rows):
            rank = int(np.ceil((n + 1) * 0.9 - 1e-9))
            share = inside[y[new] == k].mean()
            covered[k] += share / splits
            # the coverage given the calibration rows is Beta distributed, that of the new rows is binomial around it
            scatter = (rank * (n + 1 - rank) / (n + 1) ** 2 / (n + 2)) ** 0.5 + (0.09 / (y[new] == k).sum()) ** 0.5
            spread[k] = max(spread[k], scatter)
            assert abs(share - 0.9) < 4 * scatter
        assert inside.mean() > 0.86
    assert (covered >= 0.9 - 3 * spread / splits**0.5).all()
    assert (covered <= 0.9 + 3 * spread / splits**0.5 + 0.01).all()


def test_coverage_of_each_class_holds_under_other_class_frequencies() -> None:
    rng = np.random.default_rng(1)
    x, y = draw(rng, PRIORS, 5000, apart=1.0)
    sets = fit_conformal(posteriors(x, PRIORS, apart=1.0), y)
    new, truth = draw(rng, np.array([0.1, 0.2, 0.7]), 5000, apart=1.0)
    inside = sets(posteriors(new, PRIORS, apart=1.0))[np.arange(5000), truth]
    for k in range(3):
        assert abs(inside[truth == k].mean() - 0.9) < 0.06


def test_a_class_with_too_few_rows_is_always_in_the_set_and_named() -> None:
    p = np.tile([0.98, 0.02], (18, 1))
    enough = fit_conformal(p, [0] * 9 + [1] * 9, names=("common", "rare"))
    assert not enough.uncovered
    assert not enough.note
    short = fit_conformal(p[:17], [0] * 9 + [1] * 8, names=("common", "rare"))
    assert short.uncovered == ("rare",)
    assert short.note == (
        "A coverage of 90 % takes 9 calibration rows of a class; always in the set for lack of them: 'rare' (8)."
    )
    assert short([[1.0, 0.0]]).tolist() == [[True, True]]
    assert fit_conformal(p[:9], [0] * 9).uncovered == ("1",)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_rows_needed_are_the_fewest_with_a_threshold(coverage: float) -> None:
    needed = rows_needed(coverage)
    for rows, covered in ((needed, True), (needed - 1, False)):
        p = np.tile([0.6, 0.4], (rows + needed, 1))
        sets = fit_conformal(p, [0] * needed + [1] * rows, coverage)
        assert np.isfinite(sets.thresholds[1]) == covered


def test_the_state_restores_the_sets() -> None:
    rng = np.random.default_rng(2)
    x, y = draw(rng, np.array([0.8, 0.19, 0.01]), 300)
    p = posteriors(x, PRIORS)
    sets = fit_conformal(p, y, names=("a", "b", "c"))
    settings, arrays = sets.state()
    again = ConformalSets.from_state(json.loads(json.dumps(settings, allow_nan=False)), arrays)
    np.testing.assert_array_equal(again(p), sets(p))
    assert (again.coverage, again.note) == (sets.coverage, sets.note)
    with pytest.raises(TailtuneError, match="but of kind 'prior'"):
        ConformalSets.from_state({"kind": "prior"}, {})


def test_refusals() -> None:
    p = [[0.8, 0.2], [0.3, 0.7]]
    for coverage in (0, 1, float("nan")):
        with pytest.raises(TailtuneError, match="coverage must lie between"):
            fit_conformal(p, [0, 1], coverage)
    with pytest.raises(TailtuneError, match="targets must be class indices"):
        fit_conformal(p, [0, 2])
    with pytest.raises(TailtuneError, match="the sets are of 2 classes, however: 3"):
        fit_conformal(p, [0, 1])([[0.5, 0.3, 0.2]])

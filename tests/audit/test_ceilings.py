"""Ceilings against closed forms, and neighbours against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tailtune.audit.ceilings import cover_hart, nearest_rows, of_contradictions, of_neighbours
from tailtune.audit.plain_inputs import PlainInputs
from tailtune.data.dataset import Part


def part(targets: np.ndarray, groups: np.ndarray | None = None) -> Part:
    """Rows of which only classes and groups matter."""
    ids = np.array([f"row {i}" for i in range(len(targets))])
    return Part((torch.zeros(len(targets), 1),), torch.as_tensor(targets), ids, groups=groups)


def test_contradictions_leave_the_most_frequent_class_of_each_set() -> None:
    same = np.array([0, 0, 0, 1, 1, 2, 3])
    targets = np.array([0, 0, 1, 1, 0, 2, 2])
    found = of_contradictions(same, targets, ("a", "b", "c"))
    assert found is not None
    assert found.accuracy == pytest.approx(5 / 7)
    # of the tie between a and b the first is answered, so that all of a are right, and none of b
    assert found.by_class == {"b": 0.0}
    assert of_contradictions(np.arange(7), targets, ("a", "b", "c")) is None


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_bound_is_that_of_cover_and_hart(classes: int) -> None:
    """Their upper bound E <= R (2 - K / (K - 1) R), solved for R."""
    for least in np.linspace(0, (classes - 1) / classes, 7):
        error = least * (2 - classes / (classes - 1) * least)
        assert cover_hart(error, classes) == pytest.approx(least, abs=1e-7)


def test_neighbours_are_those_of_numpy_and_none_of_the_group() -> None:
    rng = np.random.default_rng(0)
    inputs = PlainInputs(rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 3, (60, 2)))
    distances = np.square(inputs.numbers[:, None].astype(np.float64) - inputs.numbers).sum(2)
    distances += (inputs.codes[:, None] != inputs.codes).sum(2)
    np.fill_diagonal(distances, np.inf)
    asked = np.arange(0, 60, 7)
    np.testing.assert_array_equal(nearest_rows(inputs, asked), distances.argmin(1)[asked])
    groups = (np.arange(60) // 30).astype(str)
    distances[groups[:, None] == groups] = np.inf
    np.testing.assert_array_equal(nearest_rows(inputs, asked, groups), distances.argmin(1)[asked])
    alone = np.full(60, "one")
    assert (nearest_rows(inputs, asked, alone) == -1).all()
    assert of_neighbours(inputs, part(np.zeros(60, dtype=np.int64), alone), 2, None) is None


def test_the_estimate_is_near_the_error_of_bayes_where_that_is_known() -> None:
    """Two Gaussians at a distance of 2: the least error is the tail of one beyond 1."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 20_000)
    inputs = PlainInputs(
        (rng.normal(size=20_000) + 2 * targets)[:, None].astype(np.float32), np.zeros((20_000, 0), int)
    )
    found = of_neighbours(inputs, part(targets), 2, best=0.99)
    assert found is not None
    ceiling = norm.cdf(1)
    assert ceiling - 0.02 < found.accuracy < ceiling + 0.06  # a bound: at or above it, but for chance
    assert "Here it is too low: models that had not seen the rows get 99.0\N{NO-BREAK SPACE}% right" in found.why_wrong

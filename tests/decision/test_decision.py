"""Decisions: the equation written out, the identity, chains through saving, and a refit's priors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.decision import PriorCorrection, from_state, prior_correction
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile

COUNTS = st.lists(st.integers(1, 1000), min_size=2, max_size=6)


@given(COUNTS, st.floats(0, 2), st.integers(0, 2**32 - 1))
def test_prior_correction_is_the_equation(counts: list[int], tau: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = len(counts)
    p, q = rng.dirichlet(np.ones(k), 5), rng.dirichlet(np.ones(k)) + 1e-3
    pi = np.array(counts) / sum(counts)
    expected = p * (q / q.sum()) / pi**tau
    expected /= expected.sum(1, keepdims=True)
    decision = prior_correction(tau, q)(None, None, ClassProfile(tuple(counts)))
    np.testing.assert_allclose(decision(p), expected, rtol=1e-9, atol=1e-300)
    settings, arrays = decision.state()
    np.testing.assert_array_equal(from_state(settings, arrays)(p), decision(p))


def test_no_correction_towards_equal_classes_is_the_identity() -> None:
    p = np.array([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(prior_correction(0.0)(None, None, ClassProfile((9, 1)))(p), p, rtol=1e-12)


def test_the_priors_of_other_training_rows() -> None:
    decision = prior_correction(0.5)(None, None, ClassProfile((9, 1)))
    again = decision.trained_on(ClassProfile((8, 2)))
    assert isinstance(again, PriorCorrection)
    np.testing.assert_allclose(again.offsets, -0.5 * np.log([0.8, 0.2]))
    assert again.tau == 0.5


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TailtuneError, match="unknown kind, 'oracle'"):
        from_state({"kind": "oracle"}, {})

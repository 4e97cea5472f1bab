"""The tuned method with logit adjustment in its loss."""

from __future__ import annotations

import numpy as np
import pytest

from tailtune.losses.logit_adjusted import LogitAdjustedLoss
from tailtune.methods import erm, sama_smoothing, tuned
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.search import settings_of
from tailtune.methods.tuned import SEARCH
from tailtune.profile import ClassProfile

ROWS = ClassProfile((90, 10))


def test_without_tau_it_is_sama_smoothing_in_the_tuned_routine() -> None:
    (stage,) = tuned(ROWS).stages
    (plain,) = sama_smoothing(ROWS).stages
    assert stage.loss is None
    assert np.array_equal(stage.target_matrix, plain.target_matrix)
    assert tuned(ROWS).recipe == "tuned"
    assert implied_balance(tuned(ROWS), ROWS) == pytest.approx(implied_balance(erm(ROWS), ROWS))


def test_tau_adjusts_the_logits_and_says_which_balance_comes_out() -> None:
    method = tuned(ROWS, tau=0.4)
    (stage,) = method.stages
    assert isinstance(stage.loss, LogitAdjustedLoss)
    assert stage.loss.tau == 0.4
    assert stage.target_matrix is not None
    assert (method.name, method.recipe) == ("tuned", "tuned")
    weighed = np.array([0.9, 0.1]) ** 0.6  # what is left of the balance of the rows
    assert implied_balance(method, ROWS) == pytest.approx(weighed / weighed.sum())


def test_a_search_may_leave_tau_at_zero() -> None:
    assert settings_of({"tau?": False, "tau": 0.7, "rho": 0.1}) == {"tau": 0.0, "rho": 0.1}
    assert {"rho", "smoothing", "tau"} == SEARCH.keys()

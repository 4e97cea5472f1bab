"""The tuned method: smoothing, and SAM-A and logit adjustment where they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.losses.logit_adjusted import LogitAdjustedLoss
from tailtune.methods import class_conditional_smoothing, erm, sama_smoothing, tuned
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.method import Hooks
from tailtune.methods.search import settings_of
from tailtune.methods.tuned import SEARCH
from tailtune.optim.sama import SAMA
from tailtune.profile import ClassProfile

ROWS = ClassProfile((90, 10))


def test_it_is_class_conditional_smoothing_in_the_tuned_routine() -> None:
    (stage,) = tuned(ROWS).stages
    (plain,) = class_conditional_smoothing(ROWS).stages
    assert (stage.loss, stage.optimiser) == (None, None)  # one pass a step
    assert np.array_equal(stage.target_matrix, plain.target_matrix)
    assert tuned(ROWS).recipe == "tuned"
    assert implied_balance(tuned(ROWS), ROWS) == pytest.approx(implied_balance(erm(ROWS), ROWS))


def test_rho_makes_it_sama_smoothing() -> None:
    (stage,) = tuned(ROWS, rho=0.05).stages
    (both,) = sama_smoothing(ROWS, rho=0.05).stages
    assert np.array_equal(stage.target_matrix, both.target_matrix)
    weight = torch.nn.Linear(2, 2)
    made = [
        each.optimiser(torch.optim.SGD(weight.parameters(), lr=0.1), weight, Hooks(backward=torch.Tensor.backward))
        for each in (stage, both)
    ]
    assert [type(each) for each in made] == [SAMA, SAMA]
    assert made[0].radii.tolist() == pytest.approx([5 / 9, 5])  # in proportion 1 to 9, with a mean of 1 over the rows
    assert made[0].radii.tolist() == made[1].radii.tolist()
    assert [each.param_groups[0]["rho"] for each in made] == [0.05, 0.05]
    with pytest.raises(TailtuneError, match="normalise must be one of"):
        tuned(ROWS, normalise="batch")  # also where there is no radius


def test_tau_adjusts_the_logits_and_says_which_balance_comes_out() -> None:
    method = tuned(ROWS, tau=0.4)
    (stage,) = method.stages
    assert isinstance(stage.loss, LogitAdjustedLoss)
    assert stage.loss.tau == 0.4
    assert stage.target_matrix is not None
    assert (method.name, method.recipe) == ("tuned", "tuned")
    weighed = np.array([0.9, 0.1]) ** 0.6  # what is left of the balance of the rows
    assert implied_balance(method, ROWS) == pytest.approx(weighed / weighed.sum())


def test_a_search_may_leave_tau_and_the_radius_at_zero() -> None:
    assert settings_of({"tau?": False, "tau": 0.7, "rho?": False, "rho": 0.1}) == {"tau": 0.0, "rho": 0.0}
    assert {"rho", "smoothing", "tau"} == SEARCH.keys()

"""`combine` puts the parts of several methods into one training, and refuses what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from tailtune import methods
from tailtune.decision.decision import prior_correction
from tailtune.errors import TailtuneError
from tailtune.methods.combine import combine
from tailtune.methods.method import Method, Stage
from tailtune.profile import ClassProfile


def part(*_: Any) -> Any:
    """Stands for any part of a stage."""


LONG = Method("long", (Stage(head="cosine"), Stage(init="fresh", reference=0, synthesise=part)), main=1, balances=True)


def test_parts_go_into_the_main_stage() -> None:
    both = combine("both", LONG, Method("weights", (Stage(loss=part),)), recipe="tuned")
    assert both.stages[0] == LONG.stages[0]
    assert both.stages[1] == Stage(init="fresh", reference=0, synthesise=part, loss=part)
    assert (both.main, both.balances, both.recipe) == (1, True, "tuned")


def test_order_does_not_matter() -> None:
    other = Method("weights", (Stage(loss=part),))
    assert combine("x", LONG, other) == combine("x", other, LONG)


def test_decision_posterior_and_average_survive() -> None:
    fit = prior_correction()
    bayes = Method("bayes", posterior=part, members="stages", ema=0.5)
    both = combine("both", Method("shift", decision=fit), bayes)
    assert both.decision is fit
    assert (both.posterior, both.members, both.ema) == (part, "stages", 0.5)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Method("again", (Stage(), Stage())), "both have several stages"),
        (Method("mixing", (Stage(mix=part),)), "mixing and long both make new samples"),
        (Method("weighted", (Stage(class_weights=part),), balances=True), "both make up for unequal class frequencies"),
        (Method("synthetic", (Stage(synthesise=part),)), "long and synthetic both set synthesise"),
    ],
)
def test_what_makes_no_sense_is_refused(other: Method, why: str) -> None:
    with pytest.raises(TailtuneError, match=why):
        combine("wrong", LONG, other)


def test_methods_for_different_data_are_refused() -> None:
    images = Method("images", kinds=("image",))
    assert combine("x", images, Method("any")).kinds == ("image",)
    with pytest.raises(TailtuneError, match="both take different kinds of data"):
        combine("x", images, Method("tables", kinds=("table",)))


def test_a_stage_that_is_no_tuple_is_refused() -> None:
    with pytest.raises(TailtuneError, match=r"the stages of method mine must be a tuple of Stage, such as \(Stage"):
        Method("mine", Stage())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tau_norm", "ncm", "lws", "mislas", "laplace"])
def test_what_needs_a_linear_head_refuses_a_cosine_one_before_training(name: str) -> None:
    profile = ClassProfile((90, 9, 1))
    with pytest.raises(TailtuneError, match="both set head, so they cannot be combined"):
        combine("wrong", methods.ldam(profile), getattr(methods, name)(profile))

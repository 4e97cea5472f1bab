"""Objectives as they are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.objective import PLAIN, read_objective
from tailtune.errors import TailtuneError


def test_each_form_is_read() -> None:
    for name in PLAIN:
        assert read_objective(name).name == name
    assert read_objective("recall@precision=0.9").number == 0.9
    assert read_objective("cost=some/costs.csv").file == "some/costs.csv"
    assert read_objective("my/file.py:measure").name == "own"
    assert read_objective("package.module:measure").name == "own"


@given(st.integers(1, 10**9))
def test_a_budget_of_rows(rows: int) -> None:
    asked = read_objective(f"precision@budget={rows}")
    assert asked.number == rows
    assert asked.words == f"a budget of {rows} cases"


def test_a_budget_is_a_share_below_one() -> None:
    assert read_objective("precision@budget=0.025").words == "a budget of 2.5 % of the cases"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "there is no objective 'nonsense'"),
        ("macro-f1", "Did you mean 'macro_f1'?"),
        ("accuracy=1", "there is no objective 'accuracy=1'"),
        ("cost=", "there is no objective 'cost='"),
        ("cost", "Known: balanced_accuracy, macro_f1"),
        ("recall@precision", "there is no objective"),
        ("recall@precision=2", "the precision must lie between 0 and 1, such as recall@precision=0.9"),
        ("recall@precision=0", "the precision must lie between 0 and 1"),
        ("recall@precision=high", "the precision must lie between 0 and 1"),
        ("precision@budget=0", "the budget must be a number of rows"),
        ("precision@budget=1.5", "the budget must be a number of rows"),
        ("precision@budget=nan", "the budget must be a number of rows"),
        ("precision@budget=inf", "the budget must be a number of rows"),
    ],
)
def test_what_is_no_objective_is_refused(text: str, words: str) -> None:
    with pytest.raises(TailtuneError) as refusal:
        read_objective(text)
    assert words in str(refusal.value)

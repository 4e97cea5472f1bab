"""Objectives as they are asked for, and cost matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.objective import PLAIN, read_costs, read_objective
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


def test_costs_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(",b,a\n\n b , 0, 2.5\na,1,0\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(read_costs(str(path), ("a", "b")), [[0.0, 1.0], [2.5, 0.0]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have the classes a, b as rows and as columns"),
        (",a,b\na,0,1\n", "must have the classes"),
        (",a,c\na,0,1\nc,1,0\n", "must have the classes"),
        (",a,b\na,0,much\nb,1,0\n", "must hold a number for every true class and answer"),
        (",a,b\na,0\nb,1,0\n", "must hold a number for every true class and answer"),
        (",a,b\na,0,inf\nb,1,0\n", "holds a cost that is no finite number"),
    ],
)
def test_what_is_no_cost_matrix_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text)
    with pytest.raises(TailtuneError, match=words):
        read_costs(str(path), ("a", "b"))


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(TailtuneError, match=r"the costs in nowhere\.csv cannot be read"):
        read_costs("nowhere.csv", ("a", "b"))

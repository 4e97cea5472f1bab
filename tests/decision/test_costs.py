"""Cost matrices, of numbers and of columns: as they are read, and what they make of probabilities and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tailtune.data.amounts import Amounts
from tailtune.decision.answers import LeastCost, answer_from_state
from tailtune.decision.costs import Costs, read_costs
from tailtune.errors import TailtuneError

FRAUD = Costs(((0.0, 3.0), ("amount", "0.1*amount")))


def test_costs_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(",b,a\n\n b , 0, 2.5\na,1,0\n", encoding="utf-8-sig")
    assert read_costs(str(path), ("a", "b")).cells == ((0.0, 1.0), (2.5, 0.0))
    assert read_costs(str(path)).cells == ((0.0, 2.5), (1.0, 0.0))  # in the order of the file


def test_a_cell_may_name_a_column(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(",no,yes\nno,0,-0.5 * fee\nyes, amount,2*a*b\n")
    costs = read_costs(str(path))
    assert costs.cells == ((0.0, "-0.5 * fee"), ("amount", "2*a*b"))
    assert costs.columns == ("fee", "amount", "a*b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have the classes a, b as rows and as columns"),
        (",a,b\na,0,1\n", "must have the classes"),
        (",a,c\na,0,1\nc,1,0\n", "must have the classes"),
        (",a,b\na,0,\nb,1,0\n", "lacks a cost where the truth is a"),
        (",a,b\na,0\nb,1,0\n", "lacks a cost where the truth is a"),
        (",a,b\na,0,inf\nb,1,0\n", "holds a cost that is no finite number"),
        (",a,b\na,0,nan*amount\nb,1,0\n", "holds a cost that is no finite number"),
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


def test_expected_costs_are_those_of_a_matrix_a_row() -> None:
    """C_yk(i) written out row by row, in NumPy."""
    costs = Costs(((0.0, 1.0, "0.5*fee"), ("amount", 0.0, 4.0), ("2*amount", "fee", -1.0)))
    rng = np.random.default_rng(0)
    p, fee, amount = rng.dirichlet(np.ones(3), 50), rng.exponential(size=50), rng.exponential(9.0, size=50)
    amounts = Amounts(("unused", "amount", "fee"), np.stack([fee - 1, amount, fee], axis=1))
    expected = np.empty((50, 3))
    for i in range(50):
        matrix = np.array([[0, 1, 0.5 * fee[i]], [amount[i], 0, 4], [2 * amount[i], fee[i], -1]])
        expected[i] = p[i] @ matrix
    np.testing.assert_allclose(costs.expected(p, amounts), expected, rtol=1e-12)
    np.testing.assert_array_equal(LeastCost(costs)(p, amounts), expected.argmin(axis=1))
    targets = rng.integers(3, size=50)
    np.testing.assert_array_equal(costs.of(targets, amounts), costs.expected(np.eye(3)[targets], amounts))


def test_a_payment_is_looked_at_from_where_its_loss_outweighs_the_work() -> None:
    """p amount against (1 - p) 3 + p 0.1 amount: the border is amount = 3 (1 - p) / (0.9 p)."""
    p, amount = np.full(200, 0.02), np.linspace(1, 400, 200)
    answers = LeastCost(FRAUD)(np.stack([1 - p, p], axis=1), Amounts(("amount",), amount[:, None]))
    np.testing.assert_array_equal(answers, amount > 3 * 0.98 / (0.9 * 0.02))


def test_the_answer_is_kept_with_its_costs() -> None:
    amounts = Amounts(("amount",), np.array([[1.0], [1000.0]]))
    p = np.array([[0.9, 0.1], [0.9, 0.1]])
    restored = answer_from_state(*LeastCost(FRAUD).state())
    assert restored(p, amounts).tolist() == LeastCost(FRAUD)(p, amounts).tolist() == [0, 1]
    assert restored == LeastCost(FRAUD)


def test_rows_without_the_column_are_refused() -> None:
    for amounts in (None, Amounts(("fee",), np.ones((1, 1)))):
        with pytest.raises(TailtuneError, match="depend on the column 'amount', which these rows were read without"):
            LeastCost(FRAUD)(np.array([[0.5, 0.5]]), amounts)

from __future__ import annotations

import json

import pytest
from command_line import answer as run

from tailtune.paper.costs import expected
from tailtune.study.estimate import ArmCost, Cost


def test_the_list_names_claims_scales_and_hours() -> None:
    entry = next(each for each in json.loads(run("paper", "--list", "--json").out) if each["name"] == "table6")
    assert set(entry["hours"]) == {"smoke", "small", "full"}
    text = run("paper", "--list").out
    assert "outperforms both XGBoost" in text
    assert "--scale full: hours:" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tabel6"], "Did you mean 'table6'"),
        ([], "tailtune paper --list names them all"),
        (["table6", "--scale", "smal"], "Did you mean 'small'"),
        (["table6", "--data", "otot"], "Did you mean 'otto'"),
        (["table6", "--data", "adult", "--seeds", "0"], "--seeds must be 1 or more"),
        (["table6", "--data", "adult", "--data-root", "nowhere"], "put these two files of the UCI repository"),
    ],
)
def test_what_does_not_exist_is_one_line(words: list[str], message: str) -> None:
    answer = run("paper", *words)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_costs_count_the_epochs_that_patience_leaves() -> None:
    rows = (ArmCost("adult", None, "a", 4, 1, 10, 100.0), ArmCost("adult", None, "b", 4, 0, 0, 10.0))
    cost = expected(Cost(rows, 8, 1, 10, jobs=2, hours=9.9, megabytes=1.0), {"a": 0.1})
    assert [row.seconds for row in cost.rows] == [10.0, 10.0]
    assert cost.hours == pytest.approx((13 * 10 + 4 * 10) / 2 / 3600)

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tailtune.report.terminal.price_table import price_table
from tailtune.study.estimate import ArmCost, Cost


def printed(hours: float, trials: int = 0, problem: str | None = None) -> str:
    row = ArmCost("digits", 0.01, "[red]sama", 5, 2, trials, None if problem else 12.4, problem)
    cost = Cost(rows=(row,), runs=5, cached=2, trials=trials, jobs=2, hours=hours, megabytes=0.2)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(price_table(cost))
    return console.export_text()


@pytest.mark.parametrize(("hours", "words"), [(2.345, "2.3 hours"), (0.5, "30 minutes"), (0.001, "a minute")])
def test_the_sum_is_a_sentence(hours: float, words: str) -> None:
    last = printed(hours).strip().splitlines()[-1]
    assert last == f"3 trainings to do, 2 finished: about {words} with 2 at a time, and 1 MB of disk space"


def test_trials_are_counted_and_what_could_not_be_timed_is_said() -> None:
    text = printed(1.0, trials=4, problem="no sample was accepted")
    assert "3 trainings and 4 trials to do" in text
    assert "[red]sama on digits at ratio 0.01 could not be timed: no sample was accepted" in text

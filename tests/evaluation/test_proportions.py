"""Intervals of shares against statsmodels-free references: the score equation itself, and published examples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.evaluation.proportions import difference, wilson


@given(rows=st.integers(1, 5000), share=st.floats(0, 1))
def test_the_ends_of_wilsons_interval_are_the_shares_that_a_score_test_just_keeps(rows: int, share: float) -> None:
    hits = round(share * rows)
    for end, extreme in zip(wilson(hits, rows), (0, rows), strict=True):
        if hits != extreme:  # there the end is 0 or 1
            assert abs(hits / rows - end) / math.sqrt(end * (1 - end) / rows) == pytest.approx(1.959964, rel=1e-6)


def test_all_or_none_of_few_rows_leaves_doubt() -> None:
    assert wilson(0, 10)[0] == 0
    assert wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(10, 10)[0] == pytest.approx(0.7225, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "ends"),  # Newcombe 1998, Statistics in Medicine 17, Table II, method 10
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 10), (0.6075, 1.0))],
)
def test_differences_are_those_of_the_paper(
    first: tuple[int, int], second: tuple[int, int], ends: tuple[float, float]
) -> None:
    assert difference(first, second) == pytest.approx(ends, abs=1e-4)
    low, high = difference(second, first)
    assert (-high, -low) == pytest.approx(ends, abs=1e-4)

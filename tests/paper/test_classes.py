from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.data.longtail import exponential_counts
from tailtune.paper.classes import at_test_ratio, balanced, cell, gain, majority, minority, recalls


@given(st.lists(st.integers(0, 200), min_size=2, max_size=12), st.floats(0.01, 1.0))
def test_accuracy_at_a_ratio_is_that_of_test_rows_drawn_to_it(right: list[int], ratio: float) -> None:
    row = {"recalls": " ".join(f"{found / 200!r}" for found in right)}
    counts, _ = exponential_counts(1e9, len(right), ratio)  # so many that rounding them down does not matter
    hits = np.array([found / 200 for found in right]) * counts
    assert at_test_ratio(row, ratio) == pytest.approx(hits.sum() / counts.sum(), abs=1e-6)
    assert at_test_ratio(row, 1.0) == pytest.approx(balanced(row))
    assert recalls(row).tolist() == [found / 200 for found in right]


def test_the_rarest_and_the_largest_fifth() -> None:
    row = {"recalls": "0.9 0.8 0.7 0.6 0.5 0.4 0.3 0.2 0.1 0.3"}
    assert (minority(row), majority(row)) == (pytest.approx(0.2), pytest.approx(0.85))
    assert (minority({"recalls": "0.9 0.4"}), majority({"recalls": "0.9 0.4"})) == (0.4, 0.9)


def test_gains_are_equations_1_and_2_written_out() -> None:
    batch_of_32, batch_of_128 = 0.50, 0.40
    assert gain(batch_of_32, batch_of_128, by=batch_of_32) == pytest.approx((0.50 - 0.40) / 0.50)
    pretrained, random = 0.60, 0.40
    assert gain(pretrained, random, by=random) == pytest.approx((0.60 - 0.40) / 0.40)
    assert gain(0.1, 0.0, by=0.0) is None


def test_cells() -> None:
    assert cell([0.5, 0.6]) == "55.0 ± 5.0"
    assert (cell([0.5]), cell([])) == ("50.0", "–")

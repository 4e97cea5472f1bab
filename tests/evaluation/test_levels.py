from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tailtune.evaluation.levels import NO_VALUE, levels_of


@pytest.mark.parametrize("typed", [True, False])
def test_many_numbers_become_ranges_of_about_equal_rows(typed: bool) -> None:
    values = np.random.default_rng(0).permutation(np.arange(100))
    found = levels_of(pl.Series(values if typed else values.astype(str)))
    assert found.kind == "ranges"
    assert found.labels == ("0 to 24", "25 to 49", "50 to 74", "75 to 99")
    assert np.array_equal(found.codes, values // 25)


def test_missing_numbers_are_a_level_of_their_own() -> None:
    found = levels_of(pl.Series(["1.5", None, "2", "3", "4", "5", "6", "7", "8"]))
    assert found.labels[-1] == NO_VALUE
    assert found.codes[1] == len(found.labels) - 1
    assert (np.delete(found.codes, 1) < len(found.labels) - 1).all()


def test_few_numbers_codes_with_zeros_in_front_and_truth_values_stay_values() -> None:
    assert levels_of(pl.Series([0, 1, 1, 0, 1])).labels == ("1", "0")
    assert levels_of(pl.Series([f"0{i}" for i in range(8)])).kind == "values"
    assert levels_of(pl.Series([True, False, True])).labels == ("true", "false")


def test_the_largest_levels_are_named_and_the_others_joined() -> None:
    names = [name for i, name in enumerate("abcdefghijkl") for _ in range(12 - i)]
    found = levels_of(pl.Series([*names, None]))
    assert found.labels == ("a", "b", "c", "d", "e", "f", "g", "h", "(4 others)", NO_VALUE)
    assert (found.codes == 8).sum() == 4 + 3 + 2 + 1
    assert found.codes[-1] == 9


def test_most_rows_of_one_number_give_fewer_ranges_and_no_empty_one() -> None:
    values = [0] * 90 + list(range(1, 11))
    found = levels_of(pl.Series(values))
    assert np.bincount(found.codes, minlength=len(found.labels)).min() > 0
    assert found.labels[0] == "0"

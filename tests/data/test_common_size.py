"""Which size pictures of several sizes get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.data.common_size import common_size
from tailtune.data.decode import Header


def size_of(*sizes: tuple[int, int], side: int | None = None) -> tuple[int, int, str]:
    return common_size([Header(height, width, False) for height, width in sizes], side, "--image-size")


def test_a_size_that_most_have_is_that_of_all() -> None:
    assert size_of((30, 40), (30, 40), (900, 10)) == (30, 40, "the commonest size")
    assert size_of((600, 800), (600, 800), (9, 9)) == (168, 224, "the commonest size, at most 224 a side")


def test_a_tiny_size_that_two_of_many_share_is_not() -> None:
    sizes = [(100 + i, 150 + i) for i in range(20)]
    height, width, why = size_of(*sizes, (8, 8), (8, 8))
    assert why == "the median size"
    assert (height, width) == pytest.approx((109, 159), abs=2)


def test_what_is_asked_for_is_taken() -> None:
    assert size_of((30, 40), (50, 60), side=32) == (32, 32, "--image-size")


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=12))
def test_it_lies_within_what_was_found_whatever_the_order(sizes: list[tuple[int, int]]) -> None:
    height, width, _ = size_of(*sizes)
    assert 1 <= min(height, width) <= max(height, width) <= 224
    assert max(height, width) <= max(max(size) for size in sizes)
    assert size_of(*sizes[::-1])[:2] == (height, width)
    turned = size_of(*((w, h) for h, w in sizes))
    if len(set(sizes)) == len(sizes) > 2:  # of sizes of which none is common
        assert turned[:2] == (width, height)

"""The past trains and the future tests, ties and groups in mind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.data.by_time import by_time
from tailtune.errors import TailtuneError


def test_the_latest_rows_test_in_any_order_of_the_rows() -> None:
    times = np.random.default_rng(0).permutation(100).astype(np.float64)
    split = by_time(times, 0.2, 0.25)
    assert sorted(times[split.test]) == list(range(80, 100))
    assert sorted(times[split.val]) == list(range(60, 80))
    assert sorted(times[split.train]) == list(range(60))


@given(
    st.lists(st.integers(0, 8), min_size=3, max_size=60),
    st.sampled_from([0.0, 0.1, 0.3, 0.8]),
    st.sampled_from([0.0, 0.2, 0.6]),
)
def test_parts_never_overlap_in_time(drawn: list[int], test: float, val: float) -> None:
    times = np.array(drawn, dtype=np.float64)
    if len(set(drawn)) < 1 + (test > 0) + (val > 0):
        with pytest.raises(TailtuneError, match="different value"):
            by_time(times, test, val)
        return
    split = by_time(times, test, val)
    assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(len(times)))
    assert (len(split.test) > 0) == (test > 0)
    assert (len(split.val) > 0) == (val > 0)
    latest = times[split.train].max()
    for part in (split.val, split.test):
        if len(part):
            assert times[part].min() > latest
            latest = times[part].max()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), min_size=10, max_size=60))
def test_with_groups_neither_the_future_nor_a_group_is_known_before(drawn: list[tuple[int, int]]) -> None:
    times = np.array([time for time, _ in drawn], dtype=np.float64)
    groups = np.array([str(group) for _, group in drawn])
    plain = by_time(times, 0.3, 0.2) if len(set(times)) > 2 else None
    try:
        split = by_time(times, 0.3, 0.2, groups)
    except TailtuneError:
        return
    assert plain is not None
    assert split.train.tolist() == plain.train.tolist()
    seen = set(groups[split.train])
    for part, whole in ((split.val, plain.val), (split.test, plain.test)):
        assert part.tolist() == [row for row in whole if groups[row] not in seen]
        seen |= set(groups[part])


def test_a_part_without_groups_of_its_own_is_refused() -> None:
    with pytest.raises(TailtuneError, match="all rows of the test part are of groups that are trained on before"):
        by_time(np.arange(10.0), 0.2, 0.0, np.array(["a", "b"] * 5))

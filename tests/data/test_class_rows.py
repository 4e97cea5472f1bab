"""Of a data set only so many training rows of each class are kept: nested, with validation and test as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import table

from tailtune.data.class_rows import with_class_rows
from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.run.hashing import config_hash, rows_hash
from tailtune.settings import Reading, Run

WHOLE = table()
SIZES = WHOLE.profile.counts


@settings(max_examples=30, deadline=None)
@given(st.tuples(*(st.integers(1, size) for size in SIZES)), st.integers(0, 3))
def test_smaller_numbers_keep_a_part_of_what_larger_ones_keep(wanted: tuple[int, ...], seed: int) -> None:
    reading = Reading("here", class_rows=wanted, split_seed=seed)
    kept = with_class_rows(WHOLE, reading)
    assert kept.profile.counts == wanted
    assert (kept.test, kept.val, kept.split_hash) == (WHOLE.test, WHOLE.val, WHOLE.split_hash)
    fewer = with_class_rows(WHOLE, replace(reading, class_rows=tuple((n + 1) // 2 for n in wanted)))
    assert set(fewer.train.ids) <= set(kept.train.ids)
    order = {name: place for place, name in enumerate(WHOLE.train.ids)}
    assert np.all(np.diff([order[name] for name in kept.train.ids]) > 0)


def test_another_seed_draws_other_rows_and_all_rows_change_nothing() -> None:
    few = tuple(n // 2 for n in SIZES)
    one, other = (with_class_rows(WHOLE, Reading("here", class_rows=few, split_seed=seed)) for seed in (0, 1))
    assert set(one.train.ids) != set(other.train.ids)
    every = with_class_rows(WHOLE, Reading("here", class_rows=SIZES))
    assert rows_hash(every) == rows_hash(WHOLE) != rows_hash(one)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ((1,), "needs a number for each"),
        ((0, *SIZES[1:]), "asks for 0 training rows"),
        ((10**6, *SIZES[1:]), "ask for 1 to"),
    ],
)
def test_numbers_that_there_are_not_are_refused(wanted: tuple[int, ...], words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        with_class_rows(WHOLE, Reading("here", class_rows=wanted))


def test_named_data_are_cut_down_as_they_are_read_and_the_rows_name_the_training() -> None:
    reading = Reading("digits", class_rows=(9,) * 10)
    assert opened(reading).profile.counts == (9,) * 10
    assert min(opened(replace(reading, class_rows=())).profile.counts) > 100
    run = Run("digits", method="erm")
    cut = replace(run, class_rows=(9,) * 10)
    assert config_hash(run, "rows") == config_hash(cut, "rows")  # which rows they are is in their hash
    assert config_hash(run, "rows") != config_hash(cut, "others")

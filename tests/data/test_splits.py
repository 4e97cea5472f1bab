from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.data.splits import folds, split_hash, stratified
from tailtune.errors import TailtuneError

fractions = st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9])
class_indices = st.lists(st.integers(0, 5), min_size=1, max_size=80)


def assert_partition(split, n):
    rows = np.concatenate([split.train, split.val, split.test])
    assert sorted(rows.tolist()) == list(range(n))
    for part in (split.train, split.val, split.test):
        assert (np.diff(part) > 0).all()


@given(class_indices, fractions, fractions, st.integers(0, 9))
def test_each_row_is_in_one_part_and_each_class_where_it_can_be(targets, test_fraction, val_fraction, seed):
    y = np.array(targets)
    split = stratified(y, test_fraction, val_fraction, seed=seed)
    assert_partition(split, len(y))
    turns = [split.train] + [split.test] * (test_fraction > 0) + [split.val] * (val_fraction > 0)
    for k, n in enumerate(np.bincount(y)):
        for place, part in enumerate(turns):
            assert (y[part] == k).any() == (n > place)
    assert len(split.test) == 0 or test_fraction > 0
    assert len(split.val) == 0 or val_fraction > 0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=80), fractions, fractions)
def test_no_group_is_in_two_parts_and_train_sees_every_class(rows, test_fraction, val_fraction):
    y, groups = np.array(rows).T
    split = stratified(y, test_fraction, val_fraction, groups=groups, seed=1)
    assert_partition(split, len(y))
    parts = [set(groups[part]) for part in (split.train, split.val, split.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert set(y[split.train]) == set(y)


def test_class_sizes_follow_the_fractions():
    y = np.repeat([0, 1], [1000, 100])
    split = stratified(y, 0.2, 0.15, seed=0)
    assert np.bincount(y[split.test]).tolist() == [200, 20]
    assert np.bincount(y[split.val]).tolist() == [120, 12]


def test_grouped_parts_keep_size_and_proportions():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 400, 2000)
    y = (rng.random(2000) < 0.1 + 0.2 * (groups % 2)).astype(int)
    split = stratified(y, 0.2, 0.15, groups=groups.astype(str), seed=0)
    assert abs(len(split.test) / 2000 - 0.2) < 0.01
    assert abs(len(split.val) / 1600 - 0.15) < 0.01
    for part in (split.train, split.val, split.test):
        assert abs(y[part].mean() - y.mean()) < 0.01


def test_rare_class_in_three_groups_reaches_all_parts():
    y = np.array([0] * 60 + [1] * 3)
    groups = np.concatenate([np.arange(60) // 3, [100, 101, 102]])
    split = stratified(y, 0.2, 0.2, groups=groups)
    assert all((y[part] == 1).sum() == 1 for part in (split.train, split.val, split.test))


def test_the_seed_decides():
    y = np.repeat([0, 1], 50)
    same = [stratified(y, 0.2, 0.1, seed=3).test.tolist() for _ in range(2)]
    assert same[0] == same[1] != stratified(y, 0.2, 0.1, seed=4).test.tolist()


@pytest.mark.parametrize(
    ("targets", "test_fraction", "groups", "message"),
    [
        ([0, 1], 1.0, None, "test_fraction must be 0 or more and under 1"),
        ([], 0.2, None, "N of 1 or more"),
        ([0, 1], 0.2, ["a"], "2 rows need 2 groups"),
    ],
)
def test_what_cannot_be_split_is_refused(targets, test_fraction, groups, message):
    with pytest.raises(TailtuneError, match=message):
        stratified(targets, test_fraction, 0.1, groups=groups)


def test_hash_ignores_order_within_a_part_only():
    ids = np.array(["1", "2", "3", "4"])
    reference = split_hash(ids[:2], ids[2:3], ids[3:])
    assert len(reference) == 64
    assert split_hash(ids[[1, 0]], ids[2:3], ids[3:]) == reference
    assert split_hash(ids[[0, 2]], ids[1:2], ids[3:]) != reference
    assert split_hash(["1", "2"], None, ["3"]) == split_hash(["1", "2"], [], ["3"]) != split_hash(["1"], ["2"], ["3"])
    assert split_hash(["1,2"], None, ["3"]) != split_hash(["1", "2"], None, ["3"])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=80),
    st.integers(2, 6),
    st.integers(0, 5),
)
def test_folds_keep_groups_together_and_leave_every_class_to_learn_from(
    rows: list[tuple[int, int]], count: int, seed: int
) -> None:
    targets, groups = (np.array(column) for column in zip(*rows, strict=True))
    found = folds(targets, count, seed, groups)
    np.testing.assert_array_equal(found, folds(targets, count, seed, groups))
    assert found.min() >= -1
    assert found.max() < count
    for group in np.unique(groups):
        assert len(np.unique(found[groups == group])) == 1
    for number in range(count):
        assert set(targets[found != number]) == set(targets)
    for k in np.unique(targets):
        if len(np.unique(groups[targets == k])) == 1:
            assert (found[targets == k] == -1).all()


def test_folds_of_groups_have_about_the_classes_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 2000)
    targets = (rng.random(2000) < 0.1).astype(int)
    found = folds(targets, 5, 0, groups)
    np.testing.assert_allclose(np.bincount(found), 400, atol=12)
    np.testing.assert_allclose(np.bincount(found, weights=targets), targets.sum() / 5, atol=4)


def test_folds_of_one_group_a_row_are_folds_of_rows() -> None:
    targets = np.repeat([0, 1, 2], [50, 20, 3])
    found = folds(targets, 5, 1, np.arange(73))
    for k, size in ((0, 10), (1, 4)):
        assert np.bincount(found[targets == k], minlength=5).tolist() == [size] * 5
    assert len(set(found[targets == 2])) == 3

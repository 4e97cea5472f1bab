from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tailtune.data.catalog import open_named
from tailtune.data.imbalance import imbalance, refuse_imbalance
from tailtune.data.longtail import (
    PARETO,
    canonical,
    counts_of_maximum,
    counts_of_minority,
    counts_of_total,
    exponential_counts,
    shares,
)
from tailtune.errors import TailtuneError
from tailtune.settings import Run, check

PROFILES = st.sampled_from(["exponential", "step", "pareto"])
TARGETS = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 60))
TEST = np.random.default_rng(1).permutation(np.repeat(np.arange(10), 30))


@given(PROFILES, st.integers(2, 200), st.floats(1e-4, 1))
def test_shares_fall_from_one_to_the_ratio(profile, classes, ratio):
    relative = shares(profile, classes, ratio)
    assert (relative[0], relative[-1]) == (1.0, pytest.approx(ratio, rel=1e-12))
    assert len(relative) == classes
    assert (np.diff(relative) <= 1e-15).all()


@pytest.mark.parametrize("classes", [4, 5])
def test_half_of_the_classes_rounded_up_are_rare_in_the_step_profile(classes):
    assert shares("step", classes, 0.01).count(0.01) == classes - classes // 2


def test_the_pareto_profile_is_the_density_of_a_pareto_distribution():
    relative, last = np.array(shares("pareto", 50, 0.01)), 0.01 ** (-1 / (PARETO + 1))
    x = np.linspace(1, last, 50)
    density = PARETO * x ** -(PARETO + 1)
    np.testing.assert_allclose(relative, density / density[0], rtol=1e-9)


@given(st.integers(1, 6000), st.integers(2, 120), st.floats(1e-4, 1))
def test_the_exponential_profile_is_the_canonical_one_to_the_last_sample(maximum, classes, ratio):
    counts, warnings = counts_of_maximum(shares("exponential", classes, ratio), maximum)
    expected, said = exponential_counts(maximum, classes, ratio)
    np.testing.assert_array_equal(counts, expected)
    assert warnings == said


@given(PROFILES, st.integers(2, 120), st.floats(1e-4, 1), st.integers(1, 10_000))
def test_counts_of_a_maximum(profile, classes, ratio, maximum):
    counts, warnings = counts_of_maximum(shares(profile, classes, ratio), maximum)
    assert counts[0] == maximum
    assert counts.min() >= 1
    assert (np.diff(counts) <= 0).all()
    assert bool(warnings) == (int(maximum * ratio) == 0)


@given(PROFILES, st.integers(2, 120), st.floats(1e-4, 1), st.integers(2, 100_000))
def test_counts_of_a_total_add_up_to_it_exactly(profile, classes, ratio, total):
    assume(total >= classes)
    relative = np.array(shares(profile, classes, ratio))
    counts, warnings = counts_of_total(relative.tolist(), total)
    assert counts.sum() == total
    assert counts.min() >= 1
    assert (np.diff(counts) <= 0).all()
    if not warnings:  # then every class is within one sample of its exact part
        assert np.abs(counts - total * relative / relative.sum()).max() < 1 + 1e-6


@given(PROFILES, st.integers(2, 120), st.floats(1e-4, 1), st.integers(1, 500))
def test_the_rarest_class_keeps_the_minority_and_a_smaller_ratio_adds_to_the_others(profile, classes, ratio, minority):
    counts, _ = counts_of_minority(shares(profile, classes, ratio), minority)
    smaller, _ = counts_of_minority(shares(profile, classes, ratio / 2), minority)
    assert counts[-1] == smaller[-1] == minority
    assert counts[0] == round(minority / ratio)
    assert (np.diff(counts) <= 0).all()
    assert (smaller >= counts).all()


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({}, [60, 35, 21, 12, 7, 4, 2, 1, 1, 1]),
        ({"profile": "step"}, [60] * 5 + [1] * 5),
        ({"profile": "step", "minority": 5, "ratio": 0.1}, [50] * 5 + [5] * 5),
        ({"total": 100, "ratio": 1.0}, [10] * 10),
    ],
)
def test_what_a_run_asks_for_is_what_it_keeps(options, counts):
    kept = imbalance(Run("named", **{"ratio": 0.01, **options}), TARGETS, TEST)
    assert np.bincount(TARGETS[kept.train]).tolist() == counts
    assert kept.test is None


def test_with_nothing_but_a_ratio_the_rows_are_the_canonical_ones_in_their_order():
    for seed in (0, 1):
        kept = imbalance(Run("named", ratio=0.1, split_seed=seed), TARGETS, TEST)
        np.testing.assert_array_equal(kept.train, canonical(TARGETS, 0.1, seed))
    assert kept.words == " at ratio 0.1"


def test_the_test_part_follows_the_same_profile_and_stays_in_its_order():
    run = Run("named", test_ratio=0.1, profile="step", test_total=44)
    kept = imbalance(run, TARGETS, TEST)
    assert kept.train is None
    assert np.bincount(TEST[kept.test]).tolist() == [8] * 4 + [7] + [1] * 5
    assert len(kept.test) == 44
    assert (np.diff(kept.test) > 0).all()


def test_shuffled_classes_are_a_permutation_by_the_seed_and_the_same_in_both_parts():
    run = Run("named", ratio=0.1, test_ratio=0.1, class_order="shuffled", split_seed=3)
    kept, again = (imbalance(run, TARGETS, TEST) for _ in range(2))
    np.testing.assert_array_equal(kept.train, again.train)
    counts, tested = np.bincount(TARGETS[kept.train]), np.bincount(TEST[kept.test])
    given_order = np.bincount(TARGETS[imbalance(replace(run, class_order="given"), TARGETS, TEST).train])
    assert counts.tolist() != given_order.tolist()
    assert sorted(counts.tolist(), reverse=True) == given_order.tolist()
    order = np.argsort(-counts, kind="stable")
    assert (np.diff(tested[order]) <= 0).all()
    other = imbalance(replace(run, split_seed=4), TARGETS, TEST)
    assert np.bincount(TARGETS[other.train]).tolist() != counts.tolist()


@given(st.floats(0.01, 1), st.floats(0.01, 1), PROFILES, st.integers(0, 5))
def test_smaller_sets_are_parts_of_larger_ones(a, b, profile, seed):
    small, large = (
        set(imbalance(Run("named", ratio=r, profile=profile, split_seed=seed), TARGETS, TEST).train.tolist())
        for r in sorted((a, b))
    )
    assert small <= large


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"total": 50}, "--total needs --ratio"),
        ({"test_total": 50, "ratio": 0.1}, "--test-total needs --test-ratio"),
        ({"profile": "step"}, "--profile needs --ratio or --test-ratio"),
        ({"class_order": "shuffled"}, "--class-order needs"),
        ({"ratio": 0.1, "total": 50, "minority": 2}, "leave one of them out"),
        ({"ratio": 0.1, "total": 500}, "class 0 has 60 training samples where the profile wants"),
        ({"ratio": 0.01, "minority": 50}, "class 0 has 60 training samples where the profile wants 5000"),
        ({"test_ratio": 0.1, "test_total": 290}, "class 0 has 30 test samples"),
        ({"ratio": 0.1, "total": 9}, "10 classes need 10 samples or more"),
        ({"ratio": 2.0}, "0 < ratio <= 1"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(TailtuneError, match=message):
        imbalance(Run("named", **options), TARGETS, TEST)


@pytest.mark.parametrize("name", ["ratio", "test_ratio", "total", "minority", "test_total", "profile", "class_order"])
def test_data_that_are_taken_as_they_are_refuse_each_option(name):
    value = {"profile": "step", "class_order": "shuffled"}.get(name, 1)
    with pytest.raises(TailtuneError, match=f"--{name.replace('_', '-')} makes a named image data set long-tailed"):
        refuse_imbalance(Run("mine.csv", **{name: value}))


@pytest.mark.parametrize(
    "options", [{"test_ratio": 0}, {"ratio": 2.0}, {"total": 0}, {"minority": 0}, {"profile": "linear"}]
)
def test_values_out_of_range_are_refused_before_data_are_read(options):
    with pytest.raises(TailtuneError, match="must be"):
        check(Run("digits", **options))


def test_a_test_part_warns_when_classes_would_be_empty():
    kept = imbalance(Run("named", test_ratio=0.001), TARGETS, TEST)
    assert np.bincount(TEST[kept.test]).min() == 1
    assert kept.warnings[0].startswith("In the test part, at ratio 0.001 the 5 rarest classes would be empty")


def test_digits_take_every_option():
    chosen = {"ratio": 0.1, "profile": "pareto", "total": 300, "test_ratio": 0.2, "class_order": "shuffled"}
    run = Run("digits", selection="last", **chosen)
    data = open_named("digits", run)
    assert len(data.train) == 300
    assert data.source == "digits at ratio 0.1 of 300 samples, test at ratio 0.2 (pareto), classes in shuffled order"
    tested = np.bincount(data.test.targets.numpy())
    assert (tested.max(), tested.min()) == (54, 10)
    assert np.argmax(tested) == np.argmax(data.profile.counts)

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile, per_class

counts_strategy = st.lists(st.integers(1, 10_000), min_size=2, max_size=20)


def cifar_counts(num_classes: int, n_max: int, ratio: float) -> list[int]:
    return [int(n_max * ratio ** (k / (num_classes - 1))) for k in range(num_classes)]


def test_from_targets_counts_lists_arrays_and_tensors() -> None:
    for targets in ([0, 2, 2], np.array([0, 2, 2]), torch.tensor([0, 2, 2])):
        assert ClassProfile.from_targets(targets).counts == (1, 0, 2)
    profile = ClassProfile.from_targets([0, 2, 2], num_classes=4, names=("a", "b", "c", "d"))
    assert profile.counts == (1, 0, 2, 0)
    assert profile.names[2] == "c"


def test_properties_of_long_tailed_cifar() -> None:
    ten = ClassProfile(tuple(cifar_counts(10, 5000, 0.01)))
    assert ten.total == 12_406
    assert (ten.head.tolist(), ten.tail.tolist()) == ([0, 1], [8, 9])
    assert (len(ten.many), len(ten.medium), len(ten.few)) == (8, 2, 0)
    assert ten.ratio == pytest.approx(0.01)
    hundred = ClassProfile(tuple(cifar_counts(100, 500, 0.01)))
    assert hundred.total == 10_847
    assert (len(hundred.many), len(hundred.medium), len(hundred.few)) == (35, 35, 30)
    assert hundred.num_classes == 100


def test_names_default_to_indices_and_order_does_not_matter_for_head_and_tail() -> None:
    profile = ClassProfile((3, 100, 50, 7, 60))
    assert profile.names == ("0", "1", "2", "3", "4")
    assert profile.head.tolist() == [1]
    assert profile.tail.tolist() == [0]


@given(counts=counts_strategy)
def test_priors_balance_and_buckets_hold_for_any_counts(counts: list[int]) -> None:
    profile = ClassProfile(tuple(counts))
    assert profile.priors.sum() == pytest.approx(1)
    assert 0 <= profile.balance <= 1 + 1e-12
    assert 0 < profile.ratio <= 1
    assert sorted([*profile.many, *profile.medium, *profile.few]) == list(range(len(counts)))
    assert np.asarray(counts)[profile.tail].max() <= np.asarray(counts)[profile.head].min()


def test_effective_number_interpolates_between_one_and_the_count() -> None:
    profile = ClassProfile((1, 10, 1000))
    np.testing.assert_allclose(profile.effective_number(0), [1, 1, 1])
    np.testing.assert_allclose(profile.effective_number(0.9), [(1 - 0.9**n) / 0.1 for n in (1, 10, 1000)])
    np.testing.assert_allclose(profile.effective_number(1 - 1e-9), [1, 10, 1000], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClassProfile((5,)), "two classes"),
        (lambda: ClassProfile((5, -1)), "zero or more"),
        (lambda: ClassProfile((0, 0)), "at least one sample"),
        (lambda: ClassProfile((5, 1), names=("a",)), "2 names"),
        (lambda: ClassProfile.from_targets([0.5, 1.0]), "class indices"),
        (lambda: ClassProfile.from_targets([]), "class indices"),
        (lambda: ClassProfile.from_targets([0, -1]), "start at 0"),
        (lambda: ClassProfile.from_targets([0, 3], num_classes=3), "0..2"),
        (lambda: ClassProfile((5, 1)).effective_number(1.0), "beta"),
        (lambda: per_class(0.1, (5, 1), rule="reverse"), "rule"),
        (lambda: per_class(-0.1, (5, 1)), "0 or more"),
        (lambda: per_class(0.1, (5, 1), kappa=-1), "0 or more"),
        (lambda: per_class(0.1, (5, 1), cap=0.5), "cap"),
        (lambda: per_class(0.1, (5,)), "counts"),
        (lambda: per_class(0.1, ((5, 1), (1, 5))), "counts"),
    ],
)
def test_bad_input_is_told_in_one_line(make: object, message: str) -> None:
    with pytest.raises(TailtuneError, match=message) as error:
        make()  # type: ignore[operator]
    assert "\n" not in str(error.value)


scales = st.floats(1e-3, 10)


@given(counts=counts_strategy, scale=scales, kappa=st.floats(0, 3), cap=st.floats(1, 1000))
def test_inverse_keeps_the_mean_over_samples_and_grows_with_rarity(
    counts: list[int], scale: float, kappa: float, cap: float
) -> None:
    values = per_class(scale, counts, kappa=kappa, cap=cap)
    priors = np.asarray(counts) / sum(counts)
    assert priors @ values == pytest.approx(scale)
    by_rarity = values[np.argsort(counts, kind="stable")]
    assert (np.diff(by_rarity) <= 1e-9 * by_rarity[:-1]).all()


@given(counts=counts_strategy, scale=scales)
def test_uncapped_inverse_is_proportional_to_one_over_the_prior(counts: list[int], scale: float) -> None:
    priors = np.asarray(counts) / sum(counts)
    np.testing.assert_allclose(per_class(scale, counts, cap=1e9), scale / len(counts) / priors, rtol=1e-9)
    np.testing.assert_allclose(per_class(scale, counts, kappa=0), scale, rtol=1e-9)


@given(counts=counts_strategy, scale=scales)
def test_printed_and_official_are_their_formulas(counts: list[int], scale: float) -> None:
    n = np.asarray(counts, dtype=np.float64)
    np.testing.assert_allclose(per_class(scale, counts, rule="printed"), scale / (1 - n / n.sum()), rtol=1e-9)
    np.testing.assert_allclose(per_class(scale, counts, rule="official"), scale * n.max() / n, rtol=1e-9)


def test_values_of_the_literature_on_long_tailed_cifar_10() -> None:
    counts = cifar_counts(10, 5000, 0.01)
    printed = per_class(1.0, counts, rule="printed")
    assert (round(printed[0], 3), round(printed[-1], 3)) == (1.675, 1.004)
    uncapped = per_class(1.0, counts, cap=1e9)
    assert (round(uncapped[0], 2), round(uncapped[-1])) == (0.25, 25)
    assert np.argmax(per_class(1.0, counts)) in {6, 7, 8, 9}  # equal where the cap holds
    np.testing.assert_allclose(per_class(1.0, counts)[-1], per_class(1.0, counts).max())


def test_an_empty_class_counts_as_one_sample() -> None:
    np.testing.assert_array_equal(per_class(1.0, (10, 0), cap=100), per_class(1.0, (10, 1), cap=100))

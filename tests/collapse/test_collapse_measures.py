"""Measures of collapse against their definitions written out in NumPy, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.collapse.class_moments import ClassMoments, class_moments
from tailtune.collapse.collapse_measures import cdnv, mean_cdnv, second_pass, self_duality, simplex_deviation
from tailtune.errors import TailtuneError

Rows = tuple[np.ndarray, np.ndarray]


def drawn(k: int, d: int, n: int, seed: int, spread: float = 1.0) -> Rows:
    """Features [n, d] about k centres, and their classes; every class has a row."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    return 3 * rng.normal(size=(k, d))[targets] + spread * rng.normal(size=(n, d)), targets


def moments(features: np.ndarray, targets: np.ndarray, k: int) -> ClassMoments:
    return class_moments([(torch.from_numpy(features), torch.from_numpy(targets))], k)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(1, 6), st.integers(6, 50), st.integers(0, 999))
def test_cdnv_is_its_definition(k: int, d: int, n: int, seed: int) -> None:
    features, targets = drawn(k, d, n, seed)
    found = cdnv(moments(features, targets, k)).numpy()
    for i in range(k):
        assert np.isnan(found[i, i])
        for j in set(range(k)) - {i}:
            a, b = features[targets == i], features[targets == j]
            va, vb = (((x - x.mean(0)) ** 2).sum(1).mean() for x in (a, b))
            expected = (va + vb) / 2 / ((a.mean(0) - b.mean(0)) ** 2).sum()
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-9)


def test_pairs_are_averaged_by_who_is_in_them() -> None:
    pairs = torch.tensor([[torch.nan, 1.0, 2.0, 4.0], [1.0] * 4, [2.0, 1.0, 1.0, 8.0], [4.0, 1.0, 8.0, 1.0]]).double()
    pairs[1, 2] = pairs[2, 1] = torch.nan  # as of a class without rows
    found = mean_cdnv(pairs, [2, 3])
    assert found == {"minority": 8.0, "majority": 1.0, "mixed": pytest.approx((2 + 4 + 1) / 3), "all": 16 / 5}
    assert mean_cdnv(pairs, [3])["minority"] is None  # one class makes no pair


def test_class_means_at_the_vertices_of_a_simplex_deviate_by_nothing() -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 9)))
    means = torch.from_numpy(5 * np.eye(4, 9) @ turned + 7)
    assert max(simplex_deviation(means).values()) == pytest.approx(0, abs=1e-7)
    assert self_duality(3 * (means - means.mean(0)), means) == pytest.approx(0, abs=1e-12)


def test_simplex_deviation_is_its_definition() -> None:
    means = np.random.default_rng(1).normal(size=(5, 7))
    centred = means - means.mean(0)
    gram, lengths = centred @ centred.T, np.linalg.norm(centred, axis=1)
    ideal = (np.eye(5) - 1 / 5) / 2
    cosines = [centred[i] @ centred[j] / lengths[i] / lengths[j] for i in range(5) for j in range(5) if i != j]
    assert simplex_deviation(torch.from_numpy(means)) == pytest.approx(
        {
            "deviation": np.linalg.norm(gram / np.linalg.norm(gram) - ideal),
            "norms": lengths.std() / lengths.mean(),
            "angles": np.abs(np.array(cosines) + 1 / 4).mean(),
        },
        rel=1e-12,
    )


def test_self_duality_of_weights_at_right_angles_and_against_the_means() -> None:
    means = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert self_duality(torch.tensor([[0.0, 2.0], [0.0, -2.0]]), means) == pytest.approx(2)
    assert self_duality(-5 * means, means) == pytest.approx(4)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 5), st.integers(1, 7), st.integers(6, 60), st.integers(1, 25), st.integers(0, 999))
def test_the_second_pass_is_its_definition(k: int, d: int, n: int, batch: int, seed: int) -> None:
    features, targets = drawn(k, d, n, seed)
    new, new_targets = drawn(k, d, n, seed + 1, spread=2.0)
    logits = np.random.default_rng(seed).normal(size=(n, k))
    reference, own = moments(features, targets, k), moments(new, new_targets, k)
    tensors = (torch.from_numpy(x).split(batch) for x in (new, logits, new_targets))
    found = second_pass(zip(*tensors, strict=True), reference, own)

    means = np.stack([features[targets == c].mean(0) for c in range(k)])
    nearest = ((new[:, None] - means[None]) ** 2).sum(2).argmin(1)
    between = np.cov(means.T, ddof=0).reshape(d, d)
    inverse = np.linalg.pinv(between, rcond=1e-10, hermitian=True)
    scatter = []
    for c in range(k):
        mine = new_targets == c
        assert found.nearest[c] == pytest.approx((nearest[mine] == c).mean())
        assert found.right[c] == pytest.approx((logits[mine].argmax(1) == c).mean())
        assert found.agreement[c] == pytest.approx((nearest[mine] == logits[mine].argmax(1)).mean())
        within = np.cov(new[mine].T, ddof=0).reshape(d, d) if mine.sum() > 1 else np.zeros((d, d))
        scatter.append(np.trace(within @ inverse) / k)
    np.testing.assert_allclose(found.scatter, scatter, rtol=1e-6, atol=1e-12)
    assert found.nc1 == pytest.approx(np.mean(scatter), rel=1e-6)
    assert found.over(found.nearest, range(k)) == pytest.approx((nearest == new_targets).mean())


def test_a_class_without_rows_is_no_centre_and_has_no_share() -> None:
    features = torch.tensor([[0.0], [1.0], [10.0]])
    targets = torch.tensor([0, 0, 2])
    reference = class_moments([(features, targets)], 3)
    found = second_pass([(features, torch.eye(3), targets)], reference, reference)
    assert found.nearest.tolist()[::2] == [1.0, 1.0]
    assert found.nearest[1].isnan()
    assert found.over(found.nearest, [1]) is None
    assert found.agreement.tolist()[::2] == [0.5, 1.0]


def test_classes_that_are_points_have_collapsed() -> None:
    features, targets = np.repeat(np.eye(3), 4, axis=0), np.repeat(np.arange(3), 4)
    own = moments(features, targets, 3)
    rows = [tuple(torch.from_numpy(x) for x in (features, features, targets))]
    found = second_pass(rows, own, own)  # type: ignore[arg-type]
    assert found.nc1 == 0
    assert mean_cdnv(cdnv(own), [2])["all"] == 0
    assert found.agreement.tolist() == [1.0, 1.0, 1.0]


def test_what_tells_no_classes_apart_is_refused() -> None:
    with pytest.raises(TailtuneError, match="two classes or more, however: 1"):
        simplex_deviation(torch.ones(1, 4))
    with pytest.raises(TailtuneError, match="all class means are the same point"):
        simplex_deviation(torch.ones(3, 4))
    with pytest.raises(TailtuneError, match=r"must both be \[K, D\], however: \(2, 3\) and \(3, 3\)"):
        self_duality(torch.ones(2, 3), torch.eye(3))

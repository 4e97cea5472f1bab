"""Nearest class mean: the linear layer answers as the distances do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.errors import TailtuneError
from tailtune.models.class_means import nearest_class_mean


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(1, 5), st.integers(1, 40), st.floats(0.01, 100), st.integers(0, 999))
def test_the_largest_logit_is_that_of_the_nearest_mean(k: int, d: int, n: int, size: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, targets = size * (rng.normal(size=(n, d)) + 0.5), rng.integers(0, k, n)  # often with empty classes
    present = np.unique(targets)
    means = np.stack([features[targets == c].mean(0) for c in present])
    seen = size * (rng.normal(size=(50, d)) + 0.5)
    head = nearest_class_mean(torch.from_numpy(features), torch.from_numpy(targets), k)
    distances = ((seen[:, None] - means[None]) ** 2).sum(2)
    logits = head(torch.from_numpy(seen)).detach().numpy()
    expected = (seen**2).sum(1, keepdims=True) - distances
    np.testing.assert_allclose(logits[:, present], expected, rtol=1e-9, atol=1e-9 * size**2)
    longest = np.linalg.norm(features, axis=1).max()
    near = np.linalg.norm(seen, axis=1) <= 10 * longest
    assert (logits.argmax(1) == present[distances.argmin(1)])[near].all()


def test_the_cosine_metric_takes_the_smallest_angle() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(60, 4)), np.arange(60) % 3
    seen = rng.normal(size=(50, 4))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.stack([unit[targets == c].mean(0) for c in range(3)])
    cosine = (seen @ means.T) / np.linalg.norm(means, axis=1) / np.linalg.norm(seen, axis=1, keepdims=True)
    head = nearest_class_mean(torch.from_numpy(features), torch.from_numpy(targets), 5, "cosine")
    logits = head(torch.from_numpy(seen)).detach().numpy()
    np.testing.assert_allclose(logits[:, :3] / np.linalg.norm(seen, axis=1, keepdims=True), cosine, atol=1e-12)
    assert (logits.argmax(1) == cosine.argmax(1)).all()  # classes 3 and 4 have no rows and are never predicted


def test_repeating_the_rows_of_a_class_changes_nothing() -> None:
    torch.manual_seed(0)
    features, targets = torch.randn(30, 4), torch.arange(30) % 3
    more = torch.cat([features, *[features[targets == 0]] * 20])
    labels = torch.cat([targets, *[targets[targets == 0]] * 20])
    one, two = nearest_class_mean(features, targets, 3), nearest_class_mean(more, labels, 3)
    torch.testing.assert_close(one.weight, two.weight)
    torch.testing.assert_close(one.bias, two.bias)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TailtuneError, match="metric must be"):
        nearest_class_mean(torch.rand(3, 2), torch.tensor([0, 1, 1]), 2, "manhattan")  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match=r"shapes \(3, 2\) and \(2,\)"):
        nearest_class_mean(torch.rand(3, 2), torch.tensor([0, 1]), 2)

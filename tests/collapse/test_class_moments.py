"""Class moments in one pass are those of all rows at once in float64."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.collapse.class_moments import class_moments


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.integers(1, 5), st.integers(1, 60), st.integers(1, 20), st.integers(0, 999))
def test_batches_give_what_all_rows_give(k: int, d: int, n: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, targets = rng.normal(3, 2, (n, d)), rng.integers(0, k, n)  # often with empty classes
    batches = zip(torch.from_numpy(features).split(batch), torch.from_numpy(targets).split(batch), strict=True)
    found = class_moments(batches, k)
    for c in range(k):
        rows = features[targets == c]
        assert found.counts[c] == len(rows)
        if len(rows):
            np.testing.assert_allclose(found.means[c], rows.mean(0), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(found.variances[c], rows.var(0).sum(), rtol=1e-10, atol=1e-12)
        else:
            assert found.means[c].isnan().all()
            assert found.variances[c].isnan()
    assert found.present.tolist() == np.unique(targets).tolist()


def test_features_far_from_the_origin_lose_no_digits() -> None:
    rng = np.random.default_rng(0)
    small = rng.normal(size=(4000, 3)).astype(np.float32)
    features, targets = torch.from_numpy(small.astype(np.float64) + 1e7), torch.arange(4000) % 2
    found = class_moments(zip(features.split(64), targets.split(64), strict=True), 2)
    expected = [small[c::2].astype(np.float64).var(0).sum() for c in range(2)]
    np.testing.assert_allclose(found.variances, expected, rtol=1e-7)  # of squares about 0 nothing would be left

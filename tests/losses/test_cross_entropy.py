from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.cross_entropy import cross_entropy


def reference(logits: np.ndarray, q: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return -(q * (shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))).sum(1)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), k=st.integers(2, 7), scale=st.sampled_from([0.1, 1.0, 50.0]))
def test_equals_the_equation_for_hard_and_soft_targets(seed: int, n: int, k: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits, soft, hard = scale * rng.normal(size=(n, k)), rng.dirichlet(np.ones(k), size=n), rng.integers(k, size=n)
    ours = cross_entropy(torch.from_numpy(logits), torch.from_numpy(soft))
    np.testing.assert_allclose(ours.numpy(), reference(logits, soft), rtol=1e-12, atol=1e-12)
    ours = cross_entropy(torch.from_numpy(logits), torch.from_numpy(hard))
    np.testing.assert_allclose(ours.numpy(), reference(logits, np.eye(k)[hard]), rtol=1e-12, atol=1e-12)


def test_mean_is_torchs_mean() -> None:
    logits, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 0])
    torch.testing.assert_close(cross_entropy(logits, targets).mean(), functional.cross_entropy(logits, targets))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_float32(dtype: torch.dtype) -> None:
    logits = (20 * torch.randn(6, 4)).to(dtype)
    losses = cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1]))
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, cross_entropy(logits.float(), torch.tensor([0, 1, 2, 3, 0, 1])))
    assert cross_entropy(logits, torch.full((6, 4), 0.25, dtype=torch.float64)).dtype == torch.float32


def test_refuses_other_targets() -> None:
    logits = torch.randn(4, 3)
    with pytest.raises(TailtuneError, match="int64"):
        cross_entropy(logits, torch.zeros(4))
    with pytest.raises(TailtuneError, match=r"logits must have shape \[N, K\]"):
        cross_entropy(logits[0], torch.zeros(4))
    with pytest.raises(TailtuneError, match=r"targets must have shape \[4\] .* or \[4, 3\] .*, however: \(3,\)"):
        cross_entropy(logits, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TailtuneError, match="shape"):
        cross_entropy(logits, torch.zeros(4, 2))

"""A stand-in for cleanlab: its one function that is used, with its signature, and a plain rule of its own."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray


def find_label_issues(
    labels: NDArray[np.int64],
    pred_probs: NDArray[np.float64],
    *,
    return_indices_ranked_by: str | None = None,
    rank_by_kwargs: dict[str, object] | None = None,
    filter_by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    min_examples_per_class: int = 1,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> NDArray[np.int64]:
    """Rows whose likeliest class is another one, those with the least probability of their own first."""
    assert return_indices_ranked_by == "self_confidence"
    assert np.allclose(pred_probs.sum(axis=1), 1)
    assert set(labels.tolist()) == set(range(pred_probs.shape[1]))
    own = pred_probs[np.arange(len(labels)), labels]
    found = np.flatnonzero(pred_probs.argmax(axis=1) != labels)
    return found[np.argsort(own[found], kind="stable")]


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `import cleanlab.filter` find the stand-in."""
    package, module = ModuleType("cleanlab"), ModuleType("cleanlab.filter")
    module.find_label_issues = find_label_issues  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cleanlab", package)
    monkeypatch.setitem(sys.modules, "cleanlab.filter", module)


def uninstall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `import cleanlab` fail, whether or not it is installed."""
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)

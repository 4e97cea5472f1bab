"""Stands in for the package `tabicl`: the signatures of its classifier (version 2), and a file of weights."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hub_cache import use_cache

CHECKPOINT = "tabicl-classifier-v2-20260212.ckpt"


class TabICLClassifier:
    """Takes what the package's classifier takes, and answers by the nearest rows."""

    def __init__(
        self,
        n_estimators: int = 8,
        norm_methods: str | list[str] | None = None,
        feat_shuffle_method: str = "latin",
        class_shuffle_method: str = "shift",
        outlier_threshold: float = 4.0,
        softmax_temperature: float = 0.9,
        average_logits: bool = True,
        support_many_classes: bool = True,
        batch_size: int | None = 8,
        kv_cache: bool | str = False,
        model_path: str | Path | None = None,
        allow_auto_download: bool = True,
        checkpoint_version: str = CHECKPOINT,
        device: Any = None,
        use_amp: bool | str = "auto",
        use_fa3: bool | str = "auto",
        offload_mode: str | bool = "auto",
        disk_offload_dir: str | None = None,
        random_state: int | None = 42,
        n_jobs: int | None = None,
        verbose: bool = False,
        inference_config: Any = None,
    ) -> None:
        assert model_path is not None
        assert not allow_auto_download
        self.model_path, self.checkpoint_version = Path(model_path), checkpoint_version
        self.n_estimators, self.random_state = n_estimators, random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> TabICLClassifier:
        if self.checkpoint_version != CHECKPOINT:
            raise ValueError(f"Invalid checkpoint version '{self.checkpoint_version}'.")
        assert self.model_path.read_bytes().startswith(b"weights")
        self.classes_, self.codes_ = np.unique(y, return_inverse=True)
        self.rows_ = X
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        shift = np.random.default_rng(self.random_state).normal(scale=1e-3, size=(self.n_estimators, X.shape[1]))
        near = np.exp(-((X[:, None, :] - self.rows_ - shift.mean(axis=0)) ** 2).sum(axis=2)) + 1e-9
        found = near @ np.eye(len(self.classes_))[self.codes_]
        return found / found.sum(axis=1, keepdims=True)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package importable."""
    from importlib.machinery import ModuleSpec

    module = ModuleType("tabicl")
    module.__spec__ = ModuleSpec("tabicl", None)
    vars(module)["TabICLClassifier"] = TabICLClassifier
    monkeypatch.setitem(sys.modules, "tabicl", module)


def keep_weights(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes = b"weights") -> Path:
    """Put a file of weights where the hub's client keeps what it has downloaded."""
    use_cache(folder, monkeypatch)
    repository = folder / "models--jingang--TabICL"
    place = repository / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    place.mkdir(parents=True, exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(place.name)
    (place / CHECKPOINT).write_bytes(content)
    return place / CHECKPOINT

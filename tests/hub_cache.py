"""Made weights in the layout in which the client of the Hugging Face hub keeps what it has downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

TINY, TAG = "test_resnet", "r160_in1k"  # timm's network for tests, 0.5 million parameters


def use_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's client look into `folder` alone, without a connection."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def keep_weights(folder: Path, name: str = TINY, tag: str = TAG) -> dict[str, torch.Tensor]:
    """Write made weights of a network into the cache, and return them."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        state: dict[str, torch.Tensor] = timm.create_model(name).state_dict()
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = folder / f"models--timm--{name}.{tag}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    save_file(state, snapshot / "model.safetensors")
    return state

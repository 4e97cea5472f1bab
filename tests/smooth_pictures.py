"""Smooth random pictures that have nothing in common, and windows of them that are nearly the same."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def scenes(number: int, side: int = 44, seed: int = 0, coarse: int = 9) -> Pixels:
    """Smooth random pictures [N, 3, side, side] that have nothing in common."""
    rng = np.random.default_rng(seed)
    small = torch.as_tensor(rng.normal(size=(number, 3, coarse, coarse))).float()
    large = torch.nn.functional.interpolate(small, side, mode="bicubic").numpy()
    return np.asarray(np.clip(128 + 50 * large, 0, 255), dtype=np.uint8)


def moved(pictures: Pixels, down: int, right: int, side: int = 32, noise: float = 0, seed: int = 0) -> Pixels:
    """Windows of larger pictures, with noise."""
    seen = pictures[:, :, 4 + down : 4 + down + side, 4 + right : 4 + right + side].astype(float)
    seen = seen + np.random.default_rng(seed).normal(0, noise, seen.shape) if noise else seen
    return np.asarray(np.clip(seen, 0, 255), dtype=np.uint8)

"""The forms in which images come: uint8 levels of 0 to 255, or floats of 0 to 1."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

from tailtune.errors import TailtuneError

P = ParamSpec("P")


def on_levels(change: Callable[Concatenate[Tensor, P], Tensor]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """Let a change of uint8 images take floats of 0 to 1 too: by way of their levels, back to their dtype."""

    @functools.wraps(change)
    def changed(pixels: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        if pixels.dtype == torch.uint8:
            return change(pixels, *args, **kwargs)
        return change(to_levels(pixels), *args, **kwargs).to(pixels.dtype).div_(255)

    return changed


def to_levels(pixels: Tensor) -> Tensor:
    """Return images as uint8, as torchvision's ``to_dtype(..., scale=True)`` does.

    Args:
        pixels: images of any shape, uint8 or floats of 0 to 1; what lies outside is cut off.

    Returns:
        uint8 images as they are; floats as the whole part of 255.999 times themselves, so that a level over 255 gives
        that level again.

    Raises:
        TailtuneError: images of another dtype.

    >>> to_levels(torch.tensor([0.0, 0.5, 1.0])).tolist()
    [0, 127, 255]
    """
    check_dtype(pixels)
    if pixels.dtype == torch.uint8:
        return pixels
    return whole_levels(pixels.to(torch.float32).mul(255.999).clamp_(0, 255))


def check_dtype(pixels: Tensor) -> None:
    """Refuse images whose scale their dtype does not tell.

    Raises:
        TailtuneError: neither uint8 nor floats.
    """
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise TailtuneError(
            f"images must be uint8 (0 to 255) or floats (0 to 1), however: {pixels.dtype}; convert them with .to()"
        )


def whole_levels(values: Tensor) -> Tensor:
    """Cut values of 0 to 255 off to uint8, by way of int16: a CPU converts floats to bytes one by one."""
    return values.to(torch.int16).to(torch.uint8)

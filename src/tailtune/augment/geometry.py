"""Flip, crop and affine warp of a batch: every image moves by a choice of its own, in a few tensor operations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def padding_for(side: int) -> int:
    """Pixels of zero padding that a random crop uses along a side of `side` pixels.

    An eighth of the side, which is the customary 4 of 32; at least 4 from 24 pixels on.

    >>> [padding_for(side) for side in (8, 16, 24, 28, 32, 64)]
    [1, 2, 4, 4, 4, 8]
    """
    eighth = round(side / 8)
    return max(4, eighth) if side >= 24 else max(1, eighth)


def crop_and_flip(pixels: Tensor, generator: torch.Generator, crop: bool = True, flip: bool = True) -> Tensor:
    """Shift every image by a random amount within its zero padding and mirror every second one, in one gather.

    Equal to padding with zeros, cropping at a uniform offset, then flipping left to right with probability 1/2.

    Args:
        pixels: images [B, C, H, W] of any dtype.
        generator: source of the choices, on the device of `pixels`.
        crop: whether to shift.
        flip: whether to mirror.

    Returns:
        Images of the same shape and dtype.
    """
    batch, _, height, width = pixels.shape
    pad_y, pad_x = (padding_for(height), padding_for(width)) if crop else (0, 0)
    offset_y = _integers(2 * pad_y + 1, batch, pixels, generator) if crop else _zeros(batch, pixels)
    offset_x = _integers(2 * pad_x + 1, batch, pixels, generator) if crop else _zeros(batch, pixels)
    mirrored = _integers(2, batch, pixels, generator) if flip else _zeros(batch, pixels)
    return shift_and_mirror(pixels, offset_y, offset_x, mirrored, (pad_y, pad_x))


def shift_and_mirror(
    pixels: Tensor, offset_y: Tensor, offset_x: Tensor, mirrored: Tensor, padding: tuple[int, int]
) -> Tensor:
    """Cut an H x W window out of every zero-padded image and mirror the marked ones left to right.

    Args:
        pixels: images [B, C, H, W].
        offset_y: first row of the window in the padded image, 0 to 2 * padding[0], int64 [B].
        offset_x: first column likewise, int64 [B].
        mirrored: 1 to mirror, 0 to leave, int64 [B].
        padding: rows above and below, columns left and right.

    Returns:
        Images [B, C, H, W].
    """
    batch, channels, height, width = pixels.shape
    padded = F.pad(pixels, (padding[1], padding[1], padding[0], padding[0]))
    column = torch.arange(width, device=pixels.device)
    column = torch.where(mirrored[:, None] == 1, width - 1 - column, column) + offset_x[:, None]
    row = torch.arange(height, device=pixels.device) + offset_y[:, None]
    place = row[:, :, None] * padded.shape[3] + column[:, None, :]
    flat = padded.flatten(2)
    return flat.gather(2, place.view(batch, 1, -1).expand(-1, channels, -1)).view(pixels.shape)


def warp(pixels: Tensor, inverse: Tensor) -> Tensor:
    """Apply an affine map to every image: nearest neighbour, zeros from outside.

    Args:
        pixels: uint8 images [B, C, H, W].
        inverse: maps from output to input as (a, b, c, d, e, f) [B, 6]: the output pixel at (x, y), measured from the
            image's centre, shows the input at (a x + b y + c, d x + e y + f), in units of half the width and half the
            height.

    Returns:
        uint8 images [B, C, H, W].
    """
    height, width = pixels.shape[2:]
    x = torch.arange(width, dtype=torch.float32, device=pixels.device) - (width - 1) / 2
    y = (torch.arange(height, dtype=torch.float32, device=pixels.device) - (height - 1) / 2)[:, None]
    a, b, c, d, e, f = inverse[:, :, None, None].unbind(1)
    # Written out rather than as a matrix product: TF32 products on a GPU would move sampling points.
    grid = torch.empty(len(pixels), height, width, 2, device=pixels.device)
    torch.add(x * a, y * b + c, out=grid[..., 0])
    torch.add(x * d, y * e + f, out=grid[..., 1])
    moved = F.grid_sample(pixels.to(torch.float32), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.to(pixels.dtype)


def _integers(high: int, size: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(high, (size,), generator=generator, device=like.device)


def _zeros(size: int, like: Tensor) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=like.device)

"""Flip, crop and affine warp of a batch: every image moves by a choice of its own, in a few tensor operations."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tailtune.augment.levels import whole_levels

Interpolation = Literal["nearest", "bilinear"]


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
    return apply(pixels, *draw(pixels, generator, crop, flip), crop=crop)


def draw(pixels: Tensor, generator: torch.Generator, crop: bool, flip: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Draw for `apply` where images [B, C, H, W] are cut out and which are mirrored, as `crop_and_flip` says.

    Returns:
        First rows and first columns, int64 [B] each; 1 to mirror and 0 to leave, int64 [B], or None without `flip`.
    """
    batch = len(pixels)
    pad_y, pad_x = _padding(pixels, crop)
    offset_y = _integers(2 * pad_y + 1, batch, pixels, generator) if crop else _zeros(batch, pixels)
    offset_x = _integers(2 * pad_x + 1, batch, pixels, generator) if crop else _zeros(batch, pixels)
    return offset_y, offset_x, _integers(2, batch, pixels, generator) if flip else None


def apply(pixels: Tensor, offset_y: Tensor, offset_x: Tensor, mirrored: Tensor | None, *, crop: bool) -> Tensor:
    """Cut images [B, C, H, W] out and mirror them as `draw` chose with the same `crop`."""
    return shift_and_mirror(pixels, offset_y, offset_x, mirrored, _padding(pixels, crop))


def mirror(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror the images [B, C, H, W] whose `mirrored` int64 [B] is 1 left to right."""
    still = _zeros(len(pixels), pixels)
    return shift_and_mirror(pixels, still, still, mirrored, (0, 0))


def shift_and_mirror(
    pixels: Tensor, offset_y: Tensor, offset_x: Tensor, mirrored: Tensor | None, padding: tuple[int, int]
) -> Tensor:
    """Cut an H x W window out of every zero-padded image and mirror the marked ones left to right.

    Args:
        pixels: images [B, C, H, W].
        offset_y: first row of the window in the padded image, 0 to 2 * padding[0], int64 [B].
        offset_x: first column likewise, int64 [B].
        mirrored: 1 to mirror, 0 to leave, int64 [B]; None mirrors none.
        padding: rows above and below, columns left and right.

    Returns:
        Images [B, C, H, W].
    """
    if not pixels.numel():
        return pixels
    batch, channels, height, width = pixels.shape
    rows, columns = height + 2 * padding[0], width + 2 * padding[1]
    padded = pixels.new_zeros(1 if mirrored is None else 2, batch, channels, rows, columns)
    inner = padded[..., padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    inner[0].copy_(pixels)
    image = torch.arange(batch, device=pixels.device)
    if mirrored is not None:
        inner[1].copy_(pixels.flip(-1))
        offset_x = torch.where(mirrored == 1, 2 * padding[1] - offset_x, offset_x)
        image = image + mirrored * batch
    # Whole rows are copied: one number for each of them, where a gather would need one for each pixel.
    first = (image * channels)[:, None] + torch.arange(channels, device=pixels.device)
    first = first[:, :, None] * rows + (torch.arange(height, device=pixels.device) + offset_y[:, None])[:, None]
    first = first * columns + offset_x[:, None, None]
    return padded.view(-1).unfold(0, width, 1).index_select(0, first.view(-1)).view(pixels.shape)


def warp(pixels: Tensor, inverse: Tensor, interpolation: Interpolation = "nearest") -> Tensor:
    """Apply an affine map to every image, with zeros from outside.

    Args:
        pixels: uint8 images [B, C, H, W].
        inverse: maps from output to input as (a, b, c, d, e, f) [B, 6]: the output pixel at (x, y), measured from the
            image's centre, shows the input at (a x + b y + c, d x + e y + f), in units of half the width and half the
            height.
        interpolation: between the input's pixels; bilinear values are rounded to whole levels.

    Returns:
        uint8 images [B, C, H, W].
    """
    height, width = pixels.shape[2:]
    x = torch.arange(width, dtype=torch.float32, device=pixels.device) - (width - 1) / 2
    y = (torch.arange(height, dtype=torch.float32, device=pixels.device) - (height - 1) / 2)[:, None]
    a, b, c, d, e, f = inverse[:, :, None, None].unbind(1)
    # Written out rather than as a matrix product: TF32 products on a GPU would move sampling points. As complex numbers
    # both coordinates are added at once, where they lie; a compiled graph leaves them as they are and rounds alike.
    grid = torch.view_as_real(torch.complex(x * a, x * d) + torch.complex(y * b + c, y * e + f))
    moved = F.grid_sample(pixels.to(torch.float32), grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    return whole_levels(moved if interpolation == "nearest" else moved.round_())


def _padding(pixels: Tensor, crop: bool) -> tuple[int, int]:
    """Rows above and below, columns left and right, of the images that `crop_and_flip` cuts windows out of."""
    return (padding_for(pixels.shape[2]), padding_for(pixels.shape[3])) if crop else (0, 0)


def _integers(high: int, size: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(high, (size,), generator=generator, device=like.device)


def _zeros(size: int, like: Tensor) -> Tensor:
    return torch.zeros(size, dtype=torch.int64, device=like.device)

"""Random resized crop: a random box of every image, resized to the whole."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tailtune.augment.levels import on_levels, whole_levels
from tailtune.errors import TailtuneError

ATTEMPTS = 10  # boxes drawn for an image, of which the first that fits is taken


def resized_crop(pixels: Tensor, generator: torch.Generator, *, smallest: float = 0.08, aspect: float = 0.75) -> Tensor:
    """Cut a box of random area, proportions and place out of every image and resize it to the image's size.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.
        smallest: least area of the box over that of the image; the greatest is 1.
        aspect: least width over height of the box in pixels; the greatest is 1 / aspect, and it is uniform in its
            logarithm. Of ten boxes in a row that are too large, none is taken, but the largest central one.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Raises:
        TailtuneError: `smallest` or `aspect` outside of (0, 1].

    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", as torchvision has it.
    """
    return resize(pixels, boxes(pixels, generator, smallest=smallest, aspect=aspect))


def boxes(pixels: Tensor, generator: torch.Generator, *, smallest: float = 0.08, aspect: float = 0.75) -> Tensor:
    """Draw a box for every image, with the settings of `resized_crop`.

    Returns:
        Top, left, height and width in whole pixels, float32 [4, B].

    Raises:
        TailtuneError: `smallest` or `aspect` outside of (0, 1].
    """
    if not (0 < smallest <= 1 and 0 < aspect <= 1):
        raise TailtuneError(f"resizedcrop needs smallest and aspect in (0, 1], however: {smallest=}, {aspect=}")
    batch, _, height, width = pixels.shape
    choice = torch.rand(4, batch, ATTEMPTS, generator=generator, device=pixels.device)
    area = (smallest + choice[0] * (1 - smallest)) * (height * width)
    ratio = ((2 * choice[1] - 1) * -math.log(aspect)).exp()
    rows, columns = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (rows > 0) & (columns > 0) & (rows <= height) & (columns <= width)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)  # 0 where none fits
    rows, columns, down, across = (t.gather(1, first)[:, 0] for t in (rows, columns, choice[2], choice[3]))
    top, left = (down * (height - rows + 1)).floor(), (across * (width - columns + 1)).floor()
    whole = min(max(width / height, aspect), 1 / aspect)  # proportions of the box that always fits
    central_rows, central_columns = min(height, round(width / whole)), min(width, round(height * whole))
    central = ((height - central_rows) // 2, (width - central_columns) // 2, central_rows, central_columns)
    return torch.stack(
        [
            torch.where(fits.any(1), drawn, float(kept))
            for drawn, kept in zip((top, left, rows, columns), central, strict=True)
        ]
    )


@on_levels
def resize(pixels: Tensor, boxes: Tensor) -> Tensor:
    """Resize a box of every image to the whole, with bilinear interpolation inside of the box.

    Args:
        pixels: uint8 images [B, C, H, W].
        boxes: top, left, height and width in pixels [4, B].

    Returns:
        uint8 images [B, C, H, W].
    """
    height, width = pixels.shape[2:]
    top, left, rows, columns = boxes[:, :, None]
    grid = torch.empty(len(pixels), height, width, 2, device=pixels.device)
    grid[..., 0] = _along(width, left, columns)[:, None, :]
    grid[..., 1] = _along(height, top, rows)[:, :, None]
    resized = F.grid_sample(pixels.to(torch.float32), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return whole_levels(resized.round_().clamp_(0, 255))


def _along(length: int, start: Tensor, size: Tensor) -> Tensor:
    """Where `length` pixels of the output look within `size` pixels from `start` on, from -1 to 1: [B, length]."""
    place = (torch.arange(length, device=start.device) + 0.5) * (size / length) - 0.5
    place = start + torch.minimum(place.clamp(min=0), size - 1)  # what lies outside of the box is not looked at
    return (2 * place + 1) / length - 1

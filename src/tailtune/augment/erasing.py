"""CutOut and random erasing: a rectangle of every image is filled in, and the labels stay."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tailtune.errors import TailtuneError

Fill = Literal["noise", "mean"]

ATTEMPTS = 10  # rectangles drawn for an image, of which the first that fits is taken


def cutout(x: Tensor, targets: Tensor, generator: torch.Generator, size: float = 0.5) -> tuple[Tensor, Tensor]:
    """Fill one square of every image with 0, the mean of normalised pixels.

    The centre is a uniform pixel of the image, so the border cuts most squares off.

    Args:
        x: normalised images [B, C, H, W].
        targets: labels, returned as they came.
        generator: source of the choices, on the device of `x`.
        size: side of the square over the image's shorter side, rounded to whole pixels, at least one.

    Returns:
        Images [B, C, H, W] and the labels.

    Raises:
        TailtuneError: `size` outside of (0, 1].

    Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".
    """
    return erase(x, *draw_cutout(x, generator, size)), targets


def draw_cutout(x: Tensor, generator: torch.Generator, size: float = 0.5) -> tuple[Tensor, None]:
    """Draw for `erase` the square of every image [B, C, H, W].

    Returns:
        Squares, bool [B, 1, H, W], and None: they are filled with the mean.

    Raises:
        TailtuneError: `size` outside of (0, 1].
    """
    if not 0 < size <= 1:
        raise TailtuneError(f"size is the square's share of the image's side, in (0, 1], however: {size=}")
    batch, _, height, width = x.shape
    side = max(1, round(size * min(height, width)))
    top = torch.randint(height, (batch,), generator=generator, device=x.device) - side // 2
    left = torch.randint(width, (batch,), generator=generator, device=x.device) - side // 2
    return _along(height, top, top + side)[:, None, :, None] & _along(width, left, left + side)[:, None, None, :], None


def random_erasing(
    x: Tensor,
    targets: Tensor,
    generator: torch.Generator,
    probability: float = 0.5,
    smallest: float = 0.02,
    largest: float = 0.4,
    aspect: float = 0.3,
    fill: Fill = "noise",
) -> tuple[Tensor, Tensor]:
    """Fill a rectangle of some images with noise or with their mean.

    Its area over that of the image is uniform between `smallest` and `largest`, its height over width uniform between
    `aspect` and 1 / `aspect`, its place uniform among those inside of the image. Sides are rounded to whole pixels. A
    rectangle that does not fit is drawn again; where ten in a row do not, the image stays as it is.

    Args:
        x: normalised images [B, C, H, W].
        targets: labels, returned as they came.
        generator: source of the choices, on the device of `x`.
        probability: chance of an image to be erased at all.
        smallest: least area of the rectangle over that of the image.
        largest: greatest area likewise.
        aspect: least height over width, and least width over height.
        fill: ``"noise"``, a standard normal value for every pixel and channel, or ``"mean"``, 0.

    Returns:
        Images [B, C, H, W] and the labels.

    Raises:
        TailtuneError: a probability outside of [0, 1], areas not in order within (0, 1), an aspect outside of (0, 1],
            or an unknown fill.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation".
    """
    return erase(x, *draw_erasing(x, generator, probability, smallest, largest, aspect, fill)), targets


def draw_erasing(
    x: Tensor,
    generator: torch.Generator,
    probability: float = 0.5,
    smallest: float = 0.02,
    largest: float = 0.4,
    aspect: float = 0.3,
    fill: Fill = "noise",
) -> tuple[Tensor, Tensor | None]:
    """Draw for `erase` the rectangle of every image [B, C, H, W], with the settings of `random_erasing`.

    Returns:
        Rectangles, bool [B, 1, H, W], and noise, float32 [B, C, H, W], or None to fill them with the mean.

    Raises:
        TailtuneError: settings that `random_erasing` refuses.
    """
    if not (0 <= probability <= 1 and 0 < smallest <= largest < 1 and 0 < aspect <= 1):
        raise TailtuneError(
            "random erasing needs a probability in [0, 1], areas 0 < smallest <= largest < 1 and an aspect in (0, 1], "
            f"however: {probability=}, {smallest=}, {largest=}, {aspect=}"
        )
    if fill not in ("noise", "mean"):
        raise TailtuneError(f"fill must be 'noise' or 'mean', however: {fill=}")
    batch, _, height, width = x.shape
    choice = torch.rand(5, batch, ATTEMPTS, generator=generator, device=x.device)
    area = (smallest + choice[0] * (largest - smallest)) * (height * width)
    ratio = aspect + choice[1] * (1 / aspect - aspect)
    rows, columns = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (rows > 0) & (columns > 0) & (rows < height) & (columns < width)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)  # 0 where none fits
    rows, columns, across, down = (t.gather(1, first)[:, 0] for t in (rows, columns, choice[2], choice[3]))
    top, left = (down * (height - rows + 1)).floor(), (across * (width - columns + 1)).floor()
    used = (choice[4, :, 0] < probability) & fits.any(1)
    inside = _along(height, top, top + rows)[:, None, :, None] & _along(width, left, left + columns)[:, None, None, :]
    hole = inside & used[:, None, None, None]
    return hole, None if fill == "mean" else torch.randn(x.shape, generator=generator, device=x.device)


def erase(x: Tensor, hole: Tensor, noise: Tensor | None) -> Tensor:
    """Fill the pixels `hole`, bool [B, 1, H, W], of normalised images with noise [B, C, H, W], or else with 0."""
    return x.masked_fill(hole, 0) if noise is None else torch.where(hole, noise.to(x.dtype), x)


def _along(length: int, start: Tensor, end: Tensor) -> Tensor:
    """Mark the places from `start` [B] up to, not including, `end` [B]: bool [B, length]."""
    place = torch.arange(length, device=start.device)
    return (place >= start[:, None]) & (place < end[:, None])

"""Colour jitter on a whole batch: brightness, contrast, saturation and hue, in an order of each image's own."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tailtune.augment.operations import OPERATIONS, in_turn, strengths
from tailtune.errors import TailtuneError

STEPS = ("brightness", "contrast", "color", "hue")


def jitter(
    pixels: Tensor,
    generator: torch.Generator,
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
) -> Tensor:
    """Change brightness, contrast, saturation and hue of every image by random amounts in a random order.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels; saturation and hue of
            images that are not RGB stay.
        generator: source of the choices, on the device of `pixels`.
        brightness: the factor is uniform between 1 - brightness (at least 0) and 1 + brightness.
        contrast: likewise.
        saturation: likewise.
        hue: the turn is uniform between -hue and hue, in circles, at most 0.5.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Raises:
        TailtuneError: a negative setting, or a hue above 0.5.

    The defaults are those of SimCLR's code for CIFAR-10 (Chen et al. 2020), where a jitter meets every image here.
    """
    drawn = draw(pixels, generator, brightness=brightness, contrast=contrast, saturation=saturation, hue=hue)
    return apply(pixels, drawn)


def draw(
    pixels: Tensor,
    generator: torch.Generator,
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
) -> Tensor:
    """Draw for `apply` what happens to images [B, C, H, W], with the settings of `jitter`.

    Returns:
        All of `STEPS` in each image's order, as rows of numbers [4, B, 8].

    Raises:
        TailtuneError: a negative setting, or a hue above 0.5.
    """
    reaches = (brightness, contrast, saturation, hue)
    if min(reaches) < 0 or hue > 0.5:
        raise TailtuneError(
            "jitter needs settings of 0 or more and a hue of at most 0.5, "
            f"however: {brightness=}, {contrast=}, {saturation=}, {hue=}"
        )
    return rows_of(*choose(len(pixels), reaches, generator, pixels.device))


def choose(
    batch: int, reaches: tuple[float, ...], generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw the strength of each of `STEPS`, float32 [B, 4], and their order for each image, int64 [B, 4]."""
    uniform = torch.rand(2, batch, len(STEPS), generator=generator, device=device)
    low, reach = _ranges(reaches, device)
    return low + reach * uniform[0], uniform[1].argsort(1)


def rows_of(strength: Tensor, order: Tensor) -> Tensor:
    """Write all of `STEPS` down for `apply`.

    Args:
        strength: factors of brightness, contrast and saturation and the turn of the hue [B, 4].
        order: places in `STEPS`, the first to apply first, int64 [B, 4].

    Returns:
        Rows of `parameters` [4, B, 8].
    """
    return strengths(_operations(strength.device)[order.t()], strength.gather(1, order).t())


def apply(pixels: Tensor, chosen: Tensor) -> Tensor:
    """Apply to images [B, C, H, W] what `draw` chose, one step after the other."""
    return in_turn(pixels, chosen, STEPS)


@functools.lru_cache(maxsize=32)
def _ranges(reaches: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Lowest strength of each step and how far it goes from there, float32 [4] each, kept on the device."""
    low = [max(0.0, 1 - reach) for reach in reaches[:3]] + [-reaches[3]]
    high = [1 + reach for reach in reaches[:3]] + [reaches[3]]
    return (
        torch.tensor(low).to(device),
        torch.tensor([above - below for below, above in zip(low, high, strict=True)]).to(device),
    )


@functools.lru_cache(maxsize=8)
def _operations(device: torch.device) -> Tensor:
    """Places of `STEPS` in `OPERATIONS`, float32 [4], kept on the device."""
    return torch.tensor([float(OPERATIONS.index(name)) for name in STEPS]).to(device)

"""AutoAugment (Cubuk et al. 2019) on a whole batch: one of 25 learnt pairs of operations for every image."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tailtune.augment.operations import OPERATIONS as ALL
from tailtune.augment.operations import SIGNED, Setting, in_turn, rows_of
from tailtune.augment.randaugment import magnitude
from tailtune.errors import TailtuneError

OPERATIONS = tuple(name for name in ALL if name != "hue")
BINS = 10
# A line is a sub-policy: operation, tenths of its chance, bin of its magnitude (- where it has none); twice.
POLICIES = {
    "cifar10": """
        invert 1 -         contrast 2 6
        rotate 7 2         translate_x 3 9
        sharpness 8 1      sharpness 9 3
        shear_y 5 8        translate_y 7 9
        autocontrast 5 -   equalize 9 -
        shear_y 2 7        posterize 3 7
        color 4 3          brightness 6 7
        sharpness 3 9      brightness 7 9
        equalize 6 -       equalize 5 -
        contrast 6 7       sharpness 6 5
        color 7 7          translate_x 5 8
        equalize 3 -       autocontrast 4 -
        translate_y 4 3    sharpness 2 6
        brightness 9 6     color 2 8
        solarize 5 2       invert 0 -
        equalize 2 -       autocontrast 6 -
        equalize 2 -       equalize 6 -
        color 9 9          equalize 6 -
        autocontrast 8 -   solarize 2 8
        brightness 1 3     color 7 0
        solarize 4 5       autocontrast 9 -
        translate_y 9 9    translate_y 7 9
        autocontrast 9 -   solarize 8 3
        equalize 8 -       invert 1 -
        translate_y 7 9    autocontrast 9 -
    """,
    "imagenet": """
        posterize 4 8      rotate 6 9
        solarize 6 5       autocontrast 6 -
        equalize 8 -       equalize 6 -
        posterize 6 7      posterize 6 6
        equalize 4 -       solarize 2 4
        equalize 4 -       rotate 8 8
        solarize 6 3       equalize 6 -
        posterize 8 5      equalize 10 -
        rotate 2 3         solarize 6 8
        equalize 6 -       posterize 4 6
        rotate 8 8         color 4 0
        rotate 4 9         equalize 6 -
        equalize 0 -       equalize 8 -
        invert 6 -         equalize 10 -
        color 6 4          contrast 10 8
        rotate 8 8         color 10 2
        color 8 8          solarize 8 7
        sharpness 4 7      invert 6 -
        shear_x 6 5        equalize 10 -
        color 4 0          equalize 6 -
        equalize 4 -       solarize 2 4
        solarize 6 5       autocontrast 6 -
        invert 6 -         equalize 10 -
        color 6 4          contrast 10 8
        equalize 8 -       equalize 6 -
    """,
}
PAIRS = 25


def autoaugment(pixels: Tensor, generator: torch.Generator, *, policy: str = "cifar10") -> Tensor:
    """Draw one of 25 sub-policies for every image and apply its two operations, each with its own chance.

    Shears, translations, rotations and tone factors go in either direction with equal chance. Magnitudes are those of
    torchvision (ten bins; translation up to 150/331 of the side, rotation up to 30 degrees).

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.
        policy: ``"cifar10"`` or ``"imagenet"``, the data that the sub-policies were learnt on.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Raises:
        TailtuneError: an unknown policy.

    Source: "AutoAugment: Learning Augmentation Strategies from Data", tables 7 and 9.
    """
    return apply(pixels, draw(pixels, generator, policy=policy))


def draw(pixels: Tensor, generator: torch.Generator, *, policy: str = "cifar10") -> Tensor:
    """Draw for `apply` what happens to images [B, C, H, W], with the setting of `autoaugment`.

    Returns:
        Places in `settings`, as rows of numbers [2, B, 8].

    Raises:
        TailtuneError: an unknown policy.
    """
    if policy not in POLICIES:
        raise TailtuneError(f"policy of autoaugment must be one of {', '.join(POLICIES)}, however: {policy!r}")
    choice = choose(len(pixels), policy, generator, pixels.device)
    return rows_of(settings(policy, pixels.shape[2], pixels.shape[3]), choice, pixels)


def choose(batch: int, policy: str, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw for `batch` images the places in `settings` of the first and the second operation, int64 [2, B]."""
    pair = torch.randint(PAIRS, (batch,), generator=generator, device=device)
    negative = torch.randint(2, (2, batch), generator=generator, device=device)
    used = torch.rand(2, batch, generator=generator, device=device) < _chances(policy, device)[:, pair]
    position = torch.arange(2, device=device)[:, None]
    return torch.where(used, 1 + ((position * PAIRS + pair) * 2 + negative), 0)


def apply(pixels: Tensor, chosen: Tensor) -> Tensor:
    """Apply to images [B, C, H, W] the two operations that `draw` chose."""
    return in_turn(pixels, chosen, OPERATIONS)


@functools.lru_cache(maxsize=32)
def settings(policy: str, height: int, width: int) -> tuple[Setting, ...]:
    """Return nothing, then the first operations of all sub-policies in both directions, then the second ones."""
    table = [Setting("identity")]
    for position in (0, 1):
        for pair in _pairs(policy):
            name, _, place = pair[position]
            size = magnitude(name, place, BINS, height, width)
            table += [Setting(name, size), Setting(name, -size if name in SIGNED else size)]
    return tuple(table)


@functools.lru_cache(maxsize=8)
def _chances(policy: str, device: torch.device) -> Tensor:
    """Chances [2, 25] of the first and the second operation."""
    return torch.tensor([[pair[p][1] for pair in _pairs(policy)] for p in (0, 1)], dtype=torch.float32).to(device)


def _pairs(policy: str) -> list[tuple[tuple[str, float, int], ...]]:
    """Read a table of `POLICIES`: operation, chance and bin, twice in each of the 25 rows."""
    lines = [line.split() for line in POLICIES[policy].strip().splitlines()]
    return [
        tuple(
            (name, int(tenths) / 10, 0 if place == "-" else int(place)) for name, tenths, place in (line[:3], line[3:])
        )
        for line in lines
    ]

"""TrivialAugmentWide (Müller and Hutter 2021) on a whole batch: one operation at one strength for every image."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tailtune.augment.operations import Setting, in_turn, rows_of

OPERATIONS = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "color", "sharpness", "brightness",
    "contrast", "posterize", "solarize", "autocontrast", "equalize",
)  # fmt: skip
BINS = 31
SIGNS = 2
CHOICES = len(OPERATIONS) * BINS * SIGNS
_TOPS = {"shear_x": 0.99, "shear_y": 0.99, "translate_x": 32.0, "translate_y": 32.0, "rotate": 135.0}
_TOPS |= dict.fromkeys(("color", "sharpness", "brightness", "contrast"), 0.99)


def trivialaugment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Change every image by one of 14 operations at one of 31 strengths in either direction, all equally likely.

    The ranges are those of the paper's wide space as torchvision has them (shear 0.99, translation 32 pixels, rotation
    135 degrees, tone factors 0.01 to 1.99, posterising to 2 bits), so translation empties images of 32 pixels or
    fewer at its strongest. There is no mirroring among the operations.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Source: "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation".
    """
    return apply(pixels, draw(pixels, generator))


def draw(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for `apply` what happens to images [B, C, H, W]: places in `settings`, as rows of numbers [1, B, 8]."""
    return rows_of(settings(), choose(len(pixels), generator, pixels.device)[None], pixels)


def choose(batch: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw a place in `settings` for each of `batch` images, int64 [B]."""
    return torch.randint(CHOICES, (batch,), generator=generator, device=device)


def choice_of(operation: str, strength: int, negative: bool = False) -> int:
    """Return the place in `settings` of `operation` at the bin `strength` (0 to 30).

    >>> choice_of("identity", 0), choice_of("shear_x", 1, negative=True)
    (0, 65)
    """
    return (OPERATIONS.index(operation) * BINS + strength) * SIGNS + int(negative)


def apply(pixels: Tensor, chosen: Tensor) -> Tensor:
    """Apply to images [B, C, H, W] what `draw` chose."""
    return in_turn(pixels, chosen, OPERATIONS)


@functools.cache
def settings() -> tuple[Setting, ...]:
    """Return the settings of all choices, in the order of `choice_of`."""
    return tuple(
        Setting(name, _magnitude(name, index, sign))
        for name in OPERATIONS
        for index in range(BINS)
        for sign in (1.0, -1.0)
    )


def _magnitude(name: str, index: int, sign: float) -> float:
    if name in _TOPS:
        # In single precision, which decides between whole pixels and levels.
        return sign * float(torch.linspace(0.0, _TOPS[name], BINS, dtype=torch.float32)[index])
    if name == "posterize":
        return float(round(8 - 6 * index / (BINS - 1)))
    return float(torch.linspace(1.0, 0.0, BINS, dtype=torch.float32)[index])  # solarize; the others do not read it

"""RandAugment (Cubuk et al. 2020) on a whole batch: a few operations of one strength, drawn for every image."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tailtune.augment.operations import SIGNED, Setting, in_turn, rows_of
from tailtune.errors import TailtuneError

OPERATIONS = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness", "color", "contrast",
    "sharpness", "posterize", "solarize", "autocontrast", "equalize",
)  # fmt: skip
BINS = 31


def randaugment(pixels: Tensor, generator: torch.Generator, *, n: int = 2, m: int = 9) -> Tensor:
    """Apply `n` operations one after the other, each drawn from 14 with replacement, all at the magnitude `m`.

    Shears, translations, rotations and tone factors go in either direction with equal chance.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.
        n: operations in a row.
        m: their magnitude, a bin from 0 to 30; translation goes up to 150/331 of the side, rotation up to 30 degrees,
            shear up to 0.3, tone factors up to 0.1 and 1.9, posterising down to 4 bits, as in torchvision.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Raises:
        TailtuneError: `n` below 1 or a magnitude outside of 0 to 30.

    Source: "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space".
    """
    return apply(pixels, draw(pixels, generator, n=n, m=m))


def draw(pixels: Tensor, generator: torch.Generator, *, n: int = 2, m: int = 9) -> Tensor:
    """Draw for `apply` what happens to images [B, C, H, W], with the settings of `randaugment`.

    Returns:
        Places in `settings`, as rows of numbers [n, B, 8].

    Raises:
        TailtuneError: `n` below 1 or a magnitude outside of 0 to 30.
    """
    if n < 1 or not 0 <= m < BINS:
        raise TailtuneError(
            f"randaugment needs n of 1 or more and a magnitude m of 0 to {BINS - 1}, however: {n=}, {m=}"
        )
    choice = choose(len(pixels), n, generator, pixels.device)
    return rows_of(settings(m, pixels.shape[2], pixels.shape[3]), choice, pixels)


def choose(batch: int, n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw `n` places in `settings` for each of `batch` images, int64 [n, B]."""
    return torch.randint(2 * len(OPERATIONS), (n, batch), generator=generator, device=device)


def apply(pixels: Tensor, chosen: Tensor) -> Tensor:
    """Apply to images [B, C, H, W] what `draw` chose, one operation after the other."""
    return in_turn(pixels, chosen, OPERATIONS)


@functools.lru_cache(maxsize=64)
def settings(m: int, height: int, width: int) -> tuple[Setting, ...]:
    """Return the 14 operations at magnitude `m`, each in both directions (the same where it has one)."""
    sizes = [(name, magnitude(name, m, BINS, height, width)) for name in OPERATIONS]
    return tuple(Setting(name, -size if name in SIGNED and sign else size) for name, size in sizes for sign in (0, 1))


def magnitude(operation: str, place: int, bins: int, height: int, width: int) -> float:
    """Return the magnitude of AutoAugment's and RandAugment's operations at a bin, in the units of `Setting`.

    >>> magnitude("translate_x", 9, 10, height=32, width=331), magnitude("posterize", 0, 10, 32, 32)
    (150.0, 8.0)
    """
    if operation == "posterize":
        return float(round(8 - place / ((bins - 1) / 4)))
    if operation == "solarize":
        return _bin(1.0, 0.0, bins, place)
    tops = {"shear_x": 0.3, "shear_y": 0.3, "rotate": 30.0}
    tops |= {"translate_x": 150.0 / 331.0 * width, "translate_y": 150.0 / 331.0 * height}
    return _bin(0.0, tops.get(operation, 0.9), bins, place)


def _bin(first: float, last: float, bins: int, place: int) -> float:
    """Divide a range in single precision, which decides between whole pixels and levels."""
    return float(torch.linspace(first, last, bins, dtype=torch.float32)[place])

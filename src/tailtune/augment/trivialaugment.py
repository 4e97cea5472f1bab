"""TrivialAugmentWide (Müller and Hutter 2021) on a whole batch: one operation at one strength for every image."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from tailtune.augment import photometric
from tailtune.augment.geometry import warp

_WARPS = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_BLENDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": photometric.saturate,
    "sharpness": photometric.sharpen,
}
_TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": photometric.brightness_table,
    "contrast": photometric.contrast_table,
    "posterize": photometric.posterize_table,
    "solarize": photometric.solarize_table,
    "autocontrast": photometric.autocontrast_table,
    "equalize": photometric.equalize_table,
}
OPERATIONS = ("identity", *_WARPS, *_BLENDS, *_TABLES)
BINS = 31
SIGNS = 2
CHOICES = len(OPERATIONS) * BINS * SIGNS


def trivialaugment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Change every image by one of 14 operations at one of 31 strengths in either direction, all equally likely.

    The ranges are those of the paper's wide space as torchvision has them (shear 0.99, translation 32 pixels, rotation
    135 degrees, tone factors 0.01 to 1.99, posterising to 2 bits), so translation empties images of 32 pixels or
    fewer at its strongest. There is no mirroring among the operations.

    Args:
        pixels: uint8 images [B, C, H, W].
        generator: source of the choices, on the device of `pixels`.

    Returns:
        uint8 images [B, C, H, W].

    Source: "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation".
    """
    choice = torch.randint(CHOICES, (len(pixels),), generator=generator, device=pixels.device)
    return apply(pixels, choice)


def choice_of(operation: str, strength: int, negative: bool = False) -> int:
    """Return the number by which `apply` knows `operation` at the bin `strength` (0 to 30).

    >>> choice_of("identity", 0), choice_of("shear_x", 1, negative=True)
    (0, 65)
    """
    return (OPERATIONS.index(operation) * BINS + strength) * SIGNS + int(negative)


def apply(pixels: Tensor, choice: Tensor) -> Tensor:
    """Apply the operations numbered `choice` int64 [B] (see `choice_of`) to the images uint8 [B, C, H, W]."""
    operation = torch.div(choice, BINS * SIGNS, rounding_mode="trunc")
    parameters = _parameters(pixels.shape[2], pixels.shape[3], pixels.device).index_select(0, choice)
    compute = grouped if pixels.device.type == "cpu" else everywhere
    return compute(pixels, operation, parameters[:, 0], parameters[:, 1:])


def grouped(pixels: Tensor, operation: Tensor, strength: Tensor, inverse: Tensor) -> Tensor:
    """Sort the images by operation, apply each to its own, and restore the order: no work is wasted.

    Args:
        pixels: uint8 images [B, C, H, W].
        operation: places in `OPERATIONS` [B].
        strength: of the operations on tone and sharpness [B].
        inverse: affine maps [B, 6], see `warp`.

    Returns:
        uint8 images [B, C, H, W].
    """
    order = operation.argsort()
    sizes = torch.bincount(operation, minlength=len(OPERATIONS)).tolist()
    sizes[1 : 1 + len(_WARPS)] = [sum(sizes[1 : 1 + len(_WARPS)])]  # one call serves all warps
    images, strengths, maps = (
        torch.split_with_sizes(tensor.index_select(0, order), sizes) for tensor in (pixels, strength, inverse)
    )

    toned = 2 + len(_BLENDS)
    done = [images[0], warp(images[1], maps[1])]
    done += [blend(i, s) for blend, i, s in zip(_BLENDS.values(), images[2:toned], strengths[2:toned], strict=True)]
    tables = [build(i, s) for build, i, s in zip(_TABLES.values(), images[toned:], strengths[toned:], strict=True)]
    done.append(photometric.look_up(torch.cat(images[toned:]), torch.cat(tables)))
    return torch.cat(done).index_select(0, order.argsort())


def everywhere(pixels: Tensor, operation: Tensor, strength: Tensor, inverse: Tensor) -> Tensor:
    """Apply every operation to all images and keep what was asked for: an accelerator never waits for a count.

    Takes and returns what `grouped` does, with the same result.
    """
    tables = torch.zeros((*pixels.shape[:2], photometric.LEVELS), dtype=torch.uint8, device=pixels.device)
    for name, build in _TABLES.items():
        tables = torch.where(_is(operation, name)[:, None, None], build(pixels, strength), tables)
    out = torch.where(_is(operation, *_TABLES)[:, None, None, None], photometric.look_up(pixels, tables), pixels)
    for name, blend in _BLENDS.items():
        out = torch.where(_is(operation, name)[:, None, None, None], blend(pixels, strength), out)
    return torch.where(_is(operation, *_WARPS)[:, None, None, None], warp(pixels, inverse), out)


def _is(operation: Tensor, *names: str) -> Tensor:
    """Mark the images [B] whose operation is among `names`."""
    places = [OPERATIONS.index(name) for name in names]  # the names of a group are neighbours
    return (operation >= min(places)) & (operation <= max(places))


@functools.lru_cache(maxsize=32)
def _parameters(height: int, width: int, device: torch.device) -> Tensor:
    """Strength and inverse affine map (see `warp`) of every choice, float32 [CHOICES, 7]."""
    rows = [
        (_strength(name, index, sign), *_inverse(name, index, sign, height, width))
        for name in OPERATIONS
        for index in range(BINS)
        for sign in (1.0, -1.0)
    ]
    return torch.tensor(rows, dtype=torch.float64).to(torch.float32).to(device)


def _bin(top: float, index: int) -> float:
    """Return the magnitude of a bin; in single precision, which decides between whole pixels and levels."""
    return float(torch.linspace(0.0, top, BINS, dtype=torch.float32)[index])


def _strength(name: str, index: int, sign: float) -> float:
    if name in ("brightness", "color", "contrast", "sharpness"):
        return 1 + sign * _bin(0.99, index)
    if name == "posterize":
        return float(round(8 - 6 * index / (BINS - 1)))
    return float(torch.linspace(1.0, 0.0, BINS, dtype=torch.float32)[index])  # solarize; the others do not read it


def _inverse(name: str, index: int, sign: float, height: int, width: int) -> tuple[float, ...]:
    """Return the map from output to input, in pixels from the centre, divided by half the width and height."""
    shear, shift = sign * _bin(0.99, index), sign * int(_bin(32.0, index))
    angle = math.radians(sign * _bin(135.0, index))
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0
    if name == "shear_x":  # about the upper left corner, as AutoAugment's
        b, c = shear, shear * height / 2
    elif name == "shear_y":
        d, f = shear, shear * width / 2
    elif name == "translate_x":
        c = -shift
    elif name == "translate_y":
        f = -shift
    elif name == "rotate":
        a, b, d, e = math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
    return tuple(2 * value / size for value, size in zip((a, b, c, d, e, f), (width,) * 3 + (height,) * 3, strict=True))

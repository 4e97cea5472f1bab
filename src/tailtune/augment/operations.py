"""The operations that augmentation policies choose from, applied to a batch in which every image has its own.

A policy writes down its possible `Setting`s once; what it draws at a step are row numbers of `parameters`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tailtune.augment import photometric
from tailtune.augment.geometry import Interpolation, warp
from tailtune.augment.levels import on_levels

_WARPS = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_BLENDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": photometric.saturate,
    "sharpness": photometric.sharpen,
    "hue": photometric.turn_hue,
}
_TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": photometric.brightness_table,
    "contrast": photometric.contrast_table,
    "posterize": photometric.posterize_table,
    "solarize": photometric.solarize_table,
    "autocontrast": photometric.autocontrast_table,
    "equalize": photometric.equalize_table,
    "invert": photometric.invert_table,
}
OPERATIONS = ("identity", *_WARPS, *_BLENDS, *_TABLES)
SIGNED = frozenset((*_WARPS, "brightness", "color", "contrast", "sharpness"))  # policies take both directions of these
_FACTORS = frozenset(("brightness", "color", "contrast", "sharpness"))
COLUMNS = 8  # operation, strength, and six numbers of the affine map


class Setting(NamedTuple):
    """One operation at one magnitude, in torchvision's units.

    Attributes:
        operation: a name of `OPERATIONS`.
        magnitude: slope of a shear; pixels of a translation, cut to whole ones; degrees counterclockwise of a
            rotation; what is added to the factor 1 of brightness, colour, contrast and sharpness; turn of the hue,
            in circles; bits that posterising keeps; threshold of solarising, from 0 to 1. The others have none.
    """

    operation: str
    magnitude: float = 0.0


@on_levels
def in_turn(
    pixels: Tensor,
    chosen: Tensor,
    names: Sequence[str] = OPERATIONS,
    interpolation: Interpolation = "nearest",
) -> Tensor:
    """Apply to every image its own operations, one after the other.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels (`to_levels`).
        chosen: rows [n, B, 8] of `parameters`: n operations for every image.
        names: as `operate` takes them.
        interpolation: likewise.

    Returns:
        Images [B, C, H, W] of the same dtype.
    """
    for rows in chosen:
        pixels = operate(pixels, rows, names, interpolation)
    return pixels


def operate(
    pixels: Tensor,
    chosen: Tensor,
    names: Sequence[str] = OPERATIONS,
    interpolation: Interpolation = "nearest",
) -> Tensor:
    """Apply to every image its own operation.

    Args:
        pixels: uint8 images [B, C, H, W].
        chosen: rows [B, 8] of `parameters`.
        names: the operations that may be among them; an accelerator and a compiled graph compute only those.
        interpolation: of shears, translations and rotations.

    Returns:
        uint8 images [B, C, H, W].
    """
    if pixels.device.type == "cpu" and not torch.compiler.is_compiling():
        return grouped(pixels, chosen, interpolation)
    return everywhere(pixels, chosen, names, interpolation)


def rows_of(settings: tuple[Setting, ...], choice: Tensor, pixels: Tensor) -> Tensor:
    """Return the rows of `parameters` for images [B, C, H, W] that were chosen by their places in `settings`.

    Args:
        settings: all that may be chosen.
        choice: places in `settings`, int64 [...].
        pixels: the images.

    Returns:
        float32 [..., 8].
    """
    table = parameters(settings, pixels.shape[2], pixels.shape[3], pixels.device)
    return table.index_select(0, choice.flatten()).view(*choice.shape, COLUMNS)


@functools.lru_cache(maxsize=64)
def parameters(settings: tuple[Setting, ...], height: int, width: int, device: torch.device) -> Tensor:
    """Write settings down as numbers for images of `height` x `width` pixels.

    Returns:
        float32 [S, 8]: place in `OPERATIONS`, strength, inverse affine map (see `warp`). It is kept on the device,
        since copying it there at every step would make the step wait.
    """
    rows = []
    for name, magnitude in settings:
        strength = 1 + magnitude if name in _FACTORS else magnitude
        rows.append((OPERATIONS.index(name), strength, *_inverse(name, magnitude, height, width)))
    return torch.tensor(rows, dtype=torch.float64).to(torch.float32).to(device)


def strengths(operation: Tensor, strength: Tensor) -> Tensor:
    """Return rows as `parameters` does, of operations that move no pixels, for strengths drawn at the step.

    Args:
        operation: places in `OPERATIONS` [...].
        strength: of each [...]: the factor itself of brightness, colour, contrast and sharpness, else the magnitude.

    Returns:
        float32 [..., 8].
    """
    rows = torch.zeros(*strength.shape, COLUMNS, device=strength.device)
    rows[..., 0] = operation
    rows[..., 1] = strength
    return rows


def grouped(pixels: Tensor, chosen: Tensor, interpolation: Interpolation) -> Tensor:
    """Sort the images by operation, apply each to its own, and restore the order: no work is wasted.

    Takes and returns what `operate` does; the numbers of images are read back, which makes an accelerator wait.
    """
    operation = chosen[:, 0].to(torch.int64)
    order = operation.argsort()
    sizes = torch.bincount(operation, minlength=len(OPERATIONS)).tolist()
    sizes[1 : 1 + len(_WARPS)] = [sum(sizes[1 : 1 + len(_WARPS)])]  # one call serves all warps
    images = torch.split_with_sizes(pixels.index_select(0, order), sizes)
    rows = torch.split_with_sizes(chosen.index_select(0, order), sizes)

    done = [images[0]]
    if sizes[1]:
        done.append(warp(images[1], rows[1][:, 2:], interpolation))
    toned = 2 + len(_BLENDS)
    for blend, i, r in zip(_BLENDS.values(), images[2:toned], rows[2:toned], strict=True):
        if len(i):
            done.append(blend(i, r[:, 1]))
    tables = [
        build(i, r[:, 1]) for build, i, r in zip(_TABLES.values(), images[toned:], rows[toned:], strict=True) if len(i)
    ]
    if tables:
        done.append(photometric.look_up(torch.cat(images[toned:]), torch.cat(tables)))
    return torch.cat(done).index_select(0, order.argsort())


def everywhere(pixels: Tensor, chosen: Tensor, names: Sequence[str], interpolation: Interpolation) -> Tensor:
    """Apply every operation to all images and keep what was asked for: an accelerator never waits for a count.

    Takes and returns what `operate` does, with the same result as `grouped`.
    """
    operation, strength, out = chosen[:, 0], chosen[:, 1], pixels
    tables = torch.zeros((*pixels.shape[:2], photometric.LEVELS), dtype=torch.uint8, device=pixels.device)
    toned = [name for name in _TABLES if name in names]
    for name in toned:
        tables = torch.where(_is(operation, name)[:, None, None], _TABLES[name](pixels, strength), tables)
    if toned:
        out = torch.where(_is(operation, *_TABLES)[:, None, None, None], photometric.look_up(pixels, tables), out)
    for name in [name for name in _BLENDS if name in names]:
        out = torch.where(_is(operation, name)[:, None, None, None], _BLENDS[name](pixels, strength), out)
    if any(name in names for name in _WARPS):
        warped = warp(pixels, chosen[:, 2:], interpolation)
        out = torch.where(_is(operation, *_WARPS)[:, None, None, None], warped, out)
    return out


def _is(operation: Tensor, *names: str) -> Tensor:
    """Mark the images [B] whose operation is among `names`."""
    places = [OPERATIONS.index(name) for name in names]  # the names of a group are neighbours
    return (operation >= min(places)) & (operation <= max(places))


def _inverse(name: str, magnitude: float, height: int, width: int) -> tuple[float, ...]:
    """Return the map from output to input, in pixels from the centre, divided by half the width and height."""
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0
    if name == "shear_x":  # about the upper left corner, as AutoAugment's
        b, c = magnitude, magnitude * height / 2
    elif name == "shear_y":
        d, f = magnitude, magnitude * width / 2
    elif name == "translate_x":
        c = -float(int(magnitude))
    elif name == "translate_y":
        f = -float(int(magnitude))
    elif name == "rotate":
        angle = math.radians(magnitude)
        a, b, d, e = math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
    return tuple(2 * value / size for value, size in zip((a, b, c, d, e, f), (width,) * 3 + (height,) * 3, strict=True))

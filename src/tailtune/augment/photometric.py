"""Changes of tone and sharpness, batched: each image of uint8 pixels [B, C, H, W] has its own strength [B].

An operation that maps every level of a channel to another one is a table of 256 levels, so images with different
operations share one look-up. Greys follow ITU-R 601 and all results are cut off (not rounded) to whole levels, as in
torchvision and Pillow.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tailtune.augment import views
from tailtune.augment.levels import whole_levels

LEVELS = 256


def grey(pixels: Tensor) -> Tensor:
    """Return the whole grey levels of images as float32 [B, 1, H, W]: of RGB by ITU-R 601, else the channels' mean."""
    if pixels.shape[1] != 3:
        return pixels.to(torch.float32).mean(1, keepdim=True).floor_()
    red, green, blue = pixels.unbind(1)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_().unsqueeze(1)


def brightness_table(pixels: Tensor, factor: Tensor) -> Tensor:
    """Table [B, C, 256] that multiplies every level by `factor`."""
    return _table(_levels(pixels) * factor[:, None, None], pixels)


def contrast_table(pixels: Tensor, factor: Tensor) -> Tensor:
    """Table [B, C, 256] that moves every level away from the image's mean grey by `factor`."""
    mean = grey(pixels).mean((1, 2, 3))
    return _table(_levels(pixels) * factor[:, None, None] + (mean * (1 - factor))[:, None, None], pixels)


def posterize_table(pixels: Tensor, bits: Tensor) -> Tensor:
    """Table [B, C, 256] that keeps the upper `bits` of the eight."""
    step = torch.exp2(8 - bits)[:, None, None]
    return _table((_levels(pixels) / step).floor_() * step, pixels)


def solarize_table(pixels: Tensor, threshold: Tensor) -> Tensor:
    """Table [B, C, 256] that inverts the levels from `threshold` (0 to 1) of the range on."""
    levels = _levels(pixels)
    return _table(torch.where(levels >= 255 * threshold[:, None, None], 255 - levels, levels), pixels)


def autocontrast_table(pixels: Tensor, _: Tensor) -> Tensor:
    """Table [B, C, 256] that stretches every channel to the whole range; a constant channel stays."""
    flat = pixels.flatten(2)
    low = flat.amin(2, keepdim=True).to(torch.float32)
    high = flat.amax(2, keepdim=True).to(torch.float32)
    scale = (high - low) * (1 / 255)
    levels = _levels(pixels)
    return _table(torch.where(high > low, (levels - low) / scale.clamp(min=1e-6), levels), pixels)


def equalize_table(pixels: Tensor, _: Tensor) -> Tensor:
    """Table [B, C, 256] that flattens every channel's histogram, with Pillow's rounding."""
    flat = pixels.flatten(2).to(torch.int64)
    counts = torch.zeros(*flat.shape[:2], LEVELS, device=pixels.device)
    counts.scatter_add_(2, flat, torch.ones((), device=pixels.device).expand_as(flat))
    brightest = counts.gather(2, pixels.flatten(2).amax(2, keepdim=True).to(torch.int64))
    # Quotients of whole numbers below 2^24, cut off: single precision has them exactly.
    step = ((flat.shape[2] - brightest) / 255).floor_()
    below = counts.cumsum(2) - counts
    mapped = ((below + (step / 2).floor_()) / step.clamp(min=1)).floor_()
    return _table(torch.where(step > 0, mapped, _levels(pixels)), pixels)


def invert_table(pixels: Tensor, _: Tensor) -> Tensor:
    """Table [B, C, 256] that maps every level to 255 less itself."""
    return (255 - _levels(pixels)).to(torch.uint8).expand(*pixels.shape[:2], LEVELS)


def look_up(pixels: Tensor, tables: Tensor) -> Tensor:
    """Replace every pixel of [B, C, H, W] by its entry in the tables uint8 [B, C, 256]."""
    return tables.gather(2, pixels.flatten(2).to(torch.int64)).view(pixels.shape)


def saturate(pixels: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel away from its own grey by `factor`; images that are not RGB stay as they are."""
    if pixels.shape[1] != 3:
        return pixels
    factor = factor[:, None, None, None]
    return _whole(pixels * factor + grey(pixels) * (1 - factor))


def turn_hue(pixels: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of RGB images by `turn` [B] of the circle (-1/2 to 1/2) in the hexagonal HSV model.

    Images that are not RGB stay as they are.
    """
    if pixels.shape[1] != 3:
        return pixels
    turned = views.turn_hue(pixels.to(torch.float32), turn[:, None, None, None])
    return _whole(turned.mul_(255.999 / 255))  # torchvision's way back to whole levels


def sharpen(pixels: Tensor, factor: Tensor) -> Tensor:
    """Move every inner pixel away from its smoothed neighbourhood (weights 1, in the middle 5, over 13) by `factor`.

    Border pixels, and images of fewer than three rows or columns, stay as they are.
    """
    if min(pixels.shape[2:]) <= 2:
        return pixels
    height, width = pixels.shape[2:]
    # Images as single lines, so that sums run over long stretches; what they mix across the border is not kept.
    line = pixels.flatten(2).to(torch.float32)
    rows = line[..., : -2 * width] + line[..., width:-width] + line[..., 2 * width :]
    inner = line[..., width + 1 : -width - 1]
    smooth = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:]).add_(inner, alpha=4).div_(13).round_()
    sharp = _whole(smooth.sub_(inner).mul_(1 - factor[:, None, None]).add_(inner))
    out = pixels.clone(memory_format=torch.contiguous_format)
    out[..., 1:-1, 1:-1] = F.pad(sharp, (0, 2)).view(*pixels.shape[:2], height - 2, width)[..., :-2]
    return out


def _levels(pixels: Tensor) -> Tensor:
    return torch.arange(LEVELS, dtype=torch.float32, device=pixels.device)


def _whole(values: Tensor) -> Tensor:
    return whole_levels(values.clamp_(0, 255))


def _table(values: Tensor, pixels: Tensor) -> Tensor:
    return _whole(values).expand(-1, pixels.shape[1], -1)

"""Random views of images and of table rows, two of which a self-supervised term compares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tailtune.augment.levels import on_levels
from tailtune.data.dataset import TINY_SIDE
from tailtune.errors import TailtuneError

TableInputs = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class _Strength:
    """How far a view may stray from its picture: crop area, crop proportions, tone factors, noise in levels."""

    area: float
    aspect: float
    tone: float
    saturation: float
    hue: float
    noise: float


# Brightness and contrast 0.4, saturation 0.2, hue 0.1: VICReg's code (facebookresearch/vicreg). SimCLR's for CIFAR are
# the same but for a saturation of 0.4. Crop proportions 3/4 to 4/3: both. Crops down to 8 % of the area: both, at 224
# pixels; to 20 %: VICReg on CIFAR in solo-learn. What tiny pictures bear is our own choice.
_LARGE = _Strength(area=0.08, aspect=3 / 4, tone=0.4, saturation=0.2, hue=0.1, noise=0.0)
_SMALL = _Strength(area=0.2, aspect=3 / 4, tone=0.4, saturation=0.2, hue=0.1, noise=0.0)
_TINY = _Strength(area=0.6, aspect=9 / 10, tone=0.4, saturation=0.2, hue=0.1, noise=12.0)
SMALL_SIDE = 64  # pixels
JITTERED, GREYED = 0.8, 0.2  # chances of an image, in SimCLR and VICReg


@torch.no_grad()
@on_levels
def image_view(pixels: Tensor, generator: torch.Generator, *, flip: bool) -> Tensor:
    """Return one random view of every image; two calls make the two views of a self-supervised term.

    In this order, with choices of its own for each image:

    - a crop of random area and proportions, resized to the whole (bilinear): an area of 0.08 to 1 of the image, from
      0.2 up to 64 pixels, and from 0.6 up to 12 pixels, where less would cut the class out; proportions of 3/4 to 4/3
      of the image's (9/10 to 10/9 up to 12 pixels); with chance 1/2 mirrored, if `flip`;
    - with chance 0.8, brightness and contrast times 0.6 to 1.4 and, for RGB, saturation times 0.8 to 1.2 and a turn of
      the hue by up to 0.1 of the circle;
    - for RGB, with chance 0.2, grey;
    - up to 12 pixels, Gaussian noise of a standard deviation of up to 12 levels, since the crop does so little there.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.
        flip: whether a mirrored image keeps its class.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Source: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations" (SimCLR) and its
    code; Bardes et al. 2022, "VICReg", and its code. Left out are the blur, as SimCLR does on CIFAR, and VICReg's
    solarising; tone changes in a fixed order, where theirs is random.
    """
    side = max(pixels.shape[2:])
    strength = _TINY if side <= TINY_SIDE else _SMALL if side <= SMALL_SIDE else _LARGE
    view = _crop(pixels, generator, strength, flip)
    view = _jitter(view, generator, strength)
    if strength.noise:
        spread = _uniform(0, strength.noise, view, generator)
        noise = torch.randn(view.shape, generator=generator, device=view.device)
        view = view + spread * noise
    return view.round_().clamp_(0, 255).to(torch.uint8)


@torch.no_grad()
def table_view(inputs: TableInputs, pool: TableInputs, generator: torch.Generator, rate: float = 0.6) -> TableInputs:
    """Return one random view of every row: some cells take the value that another row has in the same column.

    Each cell is replaced with chance `rate`, each by the cell of a training row drawn for it alone, so that every
    column keeps its distribution and what columns say together is broken.

    Args:
        inputs: numeric [B, Dn] and categorical [B, Dc] columns; either may have none.
        pool: the same columns of the training rows, numeric [N, Dn] and categorical [N, Dc], on the same device.
        generator: source of the choices, on the device of `inputs`.
        rate: chance of a cell to be replaced, in [0, 1].

    Returns:
        Numeric [B, Dn] and categorical [B, Dc] columns of the same dtypes.

    Raises:
        TailtuneError: a rate outside of [0, 1], or a pool without rows or of other columns.

    Source: Bahri et al. 2022, "SCARF: Self-Supervised Contrastive Learning using Random Feature Corruption", with its
    rate 0.6. It replaces a fixed number of cells in each row, and corrupts one of the two views only.
    """
    if not 0 <= rate <= 1:
        raise TailtuneError(f"rate is the chance of a cell to be replaced, in [0, 1], however: {rate=}")
    numeric, categorical = (_corrupt(x, rows, generator, rate) for x, rows in zip(inputs, pool, strict=True))
    return numeric, categorical


def _corrupt(x: Tensor, pool: Tensor, generator: torch.Generator, rate: float) -> Tensor:
    if x.shape[1] != pool.shape[1] or len(pool) == 0:
        raise TailtuneError(
            f"the pool needs rows and the {x.shape[1]} columns of the batch, however: shape {tuple(pool.shape)}"
        )
    row = torch.randint(len(pool), x.shape, generator=generator, device=x.device)
    replaced = torch.rand(x.shape, generator=generator, device=x.device) < rate
    return torch.where(replaced, pool.gather(0, row), x)


def _crop(pixels: Tensor, generator: torch.Generator, strength: _Strength, flip: bool) -> Tensor:
    """Resize a random box of every image to the whole image: float32 [B, C, H, W], levels 0 to 255."""
    batch, _, height, width = pixels.shape
    choice = torch.rand(5, batch, 1, 1, generator=generator, device=pixels.device)
    area = strength.area + choice[0] * (1 - strength.area)
    aspect = strength.aspect ** (2 * choice[1] - 1)  # log-uniform from strength.aspect to its reciprocal
    rows, columns = (area / aspect).sqrt_().clamp_(max=1), (area * aspect).sqrt_().clamp_(max=1)  # of the whole
    down, across = (1 - rows) * (2 * choice[2] - 1), (1 - columns) * (2 * choice[3] - 1)  # centre, from -1 to 1
    if flip:
        columns = torch.where(choice[4] < 0.5, -columns, columns)
    y = ((torch.arange(height, device=pixels.device) + 0.5) * (2 / height) - 1)[:, None]
    x = (torch.arange(width, device=pixels.device) + 0.5) * (2 / width) - 1
    grid = torch.empty(batch, height, width, 2, device=pixels.device)
    # Written out rather than as a matrix product: TF32 products on a GPU would move sampling points.
    grid[..., 0], grid[..., 1] = x * columns + across, y * rows + down
    return functional.grid_sample(
        pixels.to(torch.float32), grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def _jitter(view: Tensor, generator: torch.Generator, strength: _Strength) -> Tensor:
    jittered = view * _uniform(1 - strength.tone, 1 + strength.tone, view, generator)
    jittered = jittered.clamp_(0, 255)
    contrast = _uniform(1 - strength.tone, 1 + strength.tone, view, generator)
    jittered = torch.lerp(_grey(jittered).mean((2, 3), keepdim=True), jittered, contrast).clamp_(0, 255)
    rgb = view.shape[1] == 3
    if rgb:
        saturation = _uniform(1 - strength.saturation, 1 + strength.saturation, view, generator)
        jittered = torch.lerp(_grey(jittered), jittered, saturation).clamp_(0, 255)
        jittered = turn_hue(jittered, _uniform(-strength.hue, strength.hue, view, generator))
    view = torch.where(_uniform(0, 1, view, generator) < JITTERED, jittered, view)
    return torch.where(_uniform(0, 1, view, generator) < GREYED, _grey(view), view) if rgb else view


def turn_hue(rgb: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of RGB images [B, 3, H, W] by `turn` [B, 1, 1, 1] of the circle, in the hexagonal HSV model."""
    red, green, blue = rgb.unbind(1)
    value, low = rgb.amax(1), rgb.amin(1)
    chroma = value - low
    whole = chroma.clamp(min=1e-6)
    hue = torch.where(
        value == red,
        (green - blue) / whole,
        torch.where(value == green, 2 + (blue - red) / whole, 4 + (red - green) / whole),
    )
    hue = hue + 6 * turn[:, 0]
    channels = []
    for offset in (5, 3, 1):
        distance = (hue + offset) % 6
        channels.append(value - chroma * torch.minimum(distance, 4 - distance).clamp_(0, 1))
    return torch.stack(channels, dim=1)


def _grey(view: Tensor) -> Tensor:
    """Grey levels [B, 1, H, W]: ITU-R 601 of RGB, else the channels' mean."""
    if view.shape[1] != 3:
        return view.mean(1, keepdim=True)
    return 0.2989 * view[:, :1] + 0.587 * view[:, 1:2] + 0.114 * view[:, 2:]


def _uniform(low: float, high: float, view: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a number between `low` and `high` for every image [B, 1, 1, 1]."""
    return low + (high - low) * torch.rand(len(view), 1, 1, 1, generator=generator, device=view.device)

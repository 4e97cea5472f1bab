"""AugMix (Hendrycks et al. 2020) on a whole batch: every image is mixed with chains of operations on itself."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tailtune.augment.levels import on_levels, whole_levels
from tailtune.augment.operations import OPERATIONS as ALL
from tailtune.augment.operations import SIGNED, Setting, operate, rows_of
from tailtune.augment.randaugment import magnitude as usual
from tailtune.errors import TailtuneError

OPERATIONS = tuple(name for name in ALL if name not in ("identity", "hue", "invert"))
BINS = 10
DEPTH = 3  # a chain has 1 to 3 operations


def augmix(
    pixels: Tensor, generator: torch.Generator, *, severity: int = 3, width: int = 3, alpha: float = 1.0
) -> Tensor:
    """Mix every image with `width` chains of one to three operations on it.

        x' = (1 - m) x + m sum_i w_i chain_i(x),   m ~ Beta(alpha, alpha),   w ~ Dirichlet(alpha, ..., alpha)

    All choices are an image's own. Warps are bilinear. Operations and ranges are torchvision's, which adds brightness,
    colour, contrast and sharpness to the paper's nine operations (the paper tests on such corruptions and leaves them
    out). The paper's consistency loss between two such mixtures is not part of this.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels.
        generator: source of the choices, on the device of `pixels`.
        severity: how many of ten bins of magnitude, from the weakest on, are drawn from.
        width: number of chains.
        alpha: of both distributions.

    Returns:
        Images [B, C, H, W] of the same dtype.

    Raises:
        TailtuneError: a severity outside of 1 to 10, a width below 1, or an alpha that is not positive.

    Source: "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty".
    """
    return apply(pixels, draw(pixels, generator, severity=severity, width=width, alpha=alpha))


def draw(
    pixels: Tensor, generator: torch.Generator, *, severity: int = 3, width: int = 3, alpha: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw for `apply` what happens to images [B, C, H, W], with the settings of `augmix`.

    Returns:
        Operations of the chains, as rows of numbers [3, width, B, 8]; shares of the image and of each chain, float32
        [B, 1 + width].

    Raises:
        TailtuneError: a severity outside of 1 to 10, a width below 1, or an alpha that is not positive.
    """
    if not 1 <= severity <= BINS or width < 1 or alpha <= 0:
        raise TailtuneError(
            f"augmix needs a severity of 1 to {BINS}, a width of 1 or more and a positive alpha, "
            f"however: {severity=}, {width=}, {alpha=}"
        )
    choice, weights = choose(len(pixels), severity, width, alpha, generator, pixels.device)
    return rows_of(settings(severity, pixels.shape[2], pixels.shape[3]), choice, pixels), weights


def choose(
    batch: int, severity: int, width: int, alpha: float, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw for `batch` images the chains, places in `settings` [3, width, B], and the shares [B, 1 + width]."""
    places = torch.randint(len(OPERATIONS) * severity * 2, (DEPTH, width, batch), generator=generator, device=device)
    depth = torch.randint(1, DEPTH + 1, (width, batch), generator=generator, device=device)
    ended = torch.arange(DEPTH, device=device)[:, None, None] >= depth
    # In float64, since gammas of a small alpha would all underflow.
    gammas = torch._standard_gamma(
        torch.full((batch, 2 + width), alpha, dtype=torch.float64, device=device), generator=generator
    ).clamp_(min=1e-300)
    own, chains = gammas[:, :1] / gammas[:, :2].sum(1, keepdim=True), gammas[:, 2:]
    weights = torch.cat((own, (1 - own) * chains / chains.sum(1, keepdim=True)), dim=1)
    return torch.where(ended, 0, 1 + places), weights.to(torch.float32)


@on_levels
def apply(pixels: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    """Mix images with chains of given settings in given shares.

    Args:
        pixels: images [B, C, H, W], uint8, or floats of 0 to 1, which pass through their levels (`to_levels`).
        drawn: operations of the chains, rows of `parameters` [depth, width, B, 8]; shares of the image and of each
            chain, float32 [B, 1 + width].

    Returns:
        Images [B, C, H, W] of the same dtype.
    """
    chosen, weights = drawn
    width = chosen.shape[1]
    chains = pixels.repeat(width, 1, 1, 1)
    for rows in chosen:
        chains = operate(chains, rows.flatten(0, 1), ("identity", *OPERATIONS), "bilinear")
    share = weights.t()[:, :, None, None, None]
    mixed = share[0] * pixels
    for chain, part in zip(chains.view(width, *pixels.shape), share[1:], strict=True):
        mixed.addcmul_(part, chain)
    return whole_levels(mixed.clamp_(0, 255))


@functools.lru_cache(maxsize=64)
def settings(severity: int, height: int, width: int) -> tuple[Setting, ...]:
    """Return nothing, then each operation at the bins below `severity`, each in both directions."""
    table = [Setting("identity")]
    for name in OPERATIONS:
        for place in range(severity):
            size = _magnitude(name, place, height, width)
            table += [Setting(name, size), Setting(name, -size if name in SIGNED else size)]
    return tuple(table)


def _magnitude(operation: str, place: int, height: int, width: int) -> float:
    if operation == "posterize":
        return float(round(4 - place / ((BINS - 1) / 4)))
    if operation in ("translate_x", "translate_y"):
        top = (width if operation == "translate_x" else height) / 3.0
        return float(torch.linspace(0.0, top, BINS, dtype=torch.float32)[place])
    return usual(operation, place, BINS, height, width)

"""Mixup and CutMix: pairs of images become one, and their labels the mixture in the same shares."""

from __future__ import annotations

import torch
from torch import Tensor


def mixup(x: Tensor, targets: Tensor, generator: torch.Generator, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Blend every image with a partner from the batch: share * x + (1 - share) * x[partner].

    Args:
        x: float images [B, C, H, W].
        targets: soft or one-hot labels [B, K].
        generator: source of the choices, on the device of `x`.
        alpha: the shares are drawn from Beta(alpha, alpha), one for each image.

    Returns:
        Images [B, C, H, W] and labels [B, K] in the same shares.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
    """
    return blend(x, targets, *draw_mixup(x, generator, alpha))


def draw_mixup(x: Tensor, generator: torch.Generator, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw partners, int64 [B], and shares, float32 [B], for `blend`."""
    return partners(x, generator), beta_shares(alpha, x, generator)


def blend(x: Tensor, targets: Tensor, partner: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Blend images and labels with their partners as `draw_mixup` chose."""
    own = share.to(x.dtype)[:, None, None, None]
    blended = own * x + (1 - own) * x.index_select(0, partner)
    return blended, mixed_labels(targets, partner, share.to(targets.dtype))


def cutmix(
    x: Tensor, targets: Tensor, generator: torch.Generator, alpha: float = 1.0, probability: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of a partner from the batch into every image; labels mix by the area that was pasted.

    The rectangle has the image's proportions, an area share from Beta(alpha, alpha), a uniform centre, and is cut off
    at the border; it is drawn for each image.

    Args:
        x: images [B, C, H, W] of any dtype.
        targets: soft or one-hot labels [B, K].
        generator: source of the choices, on the device of `x`.
        alpha: of the Beta distribution.
        probability: chance of an image to be mixed at all (the paper takes 0.5 on CIFAR, 1 on ImageNet).

    Returns:
        Images [B, C, H, W] and labels [B, K].

    Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features".
    """
    return paste(x, targets, *draw_cutmix(x, generator, alpha, probability))


def draw_cutmix(
    x: Tensor, generator: torch.Generator, alpha: float = 1.0, probability: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Draw partners, int64 [B], and rectangles, bool [B, 1, H, W], for `paste`."""
    return partners(x, generator), rectangles(x, generator, alpha, probability)


def paste(x: Tensor, targets: Tensor, partner: Tensor, pasted: Tensor) -> tuple[Tensor, Tensor]:
    """Paste the rectangles `pasted` of the partners into the images and mix the labels, as `draw_cutmix` chose."""
    kept = 1 - pasted.to(torch.float32).mean((1, 2, 3))
    return torch.where(pasted, x.index_select(0, partner), x), mixed_labels(targets, partner, kept.to(targets.dtype))


def mixup_or_cutmix(x: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Take mixup for one half of the images, by chance, and CutMix for the others (timm's switch, but per image)."""
    return blend_or_paste(x, targets, *draw_mixup_or_cutmix(x, generator))


def draw_mixup_or_cutmix(x: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Draw for `blend_or_paste` what gets mixup, bool [B], and what both would do with each image."""
    coin = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    return coin, *draw_mixup(x, generator), *draw_cutmix(x, generator, probability=1.0)


def blend_or_paste(
    x: Tensor, targets: Tensor, coin: Tensor, partner: Tensor, share: Tensor, source: Tensor, pasted: Tensor
) -> tuple[Tensor, Tensor]:
    """Blend the images marked by `coin` with `partner` and paste `source` into the others."""
    blended, blended_targets = blend(x, targets, partner, share)
    with_patch, patch_targets = paste(x, targets, source, pasted)
    return (
        torch.where(coin[:, None, None, None], blended, with_patch),
        torch.where(coin[:, None], blended_targets, patch_targets),
    )


def rectangles(x: Tensor, generator: torch.Generator, alpha: float, probability: float) -> Tensor:
    """Draw CutMix's rectangle for every image: True inside, bool [B, 1, H, W]."""
    batch, _, height, width = x.shape
    side = (1 - beta_shares(alpha, x, generator)).sqrt()
    used = torch.rand(batch, generator=generator, device=x.device) < probability
    rows = _stretch(height, side, x, generator)
    columns = _stretch(width, side, x, generator)
    return (rows[:, None, :, None] & columns[:, None, None, :]) & used[:, None, None, None]


def _stretch(length: int, share: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
    """Mark `share` [B] of `length` places around a uniform centre, cut off at the ends: bool [B, length]."""
    half = (length * share).floor_().to(torch.int64) // 2
    centre = torch.randint(length, (len(share),), generator=generator, device=x.device)
    place = torch.arange(length, device=x.device)
    return (place >= (centre - half)[:, None]) & (place < (centre + half)[:, None])


def partners(x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a partner for every image, int64 [B]: a permutation of the batch."""
    return torch.randperm(len(x), generator=generator, device=x.device)


def beta_shares(alpha: float, x: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a share from Beta(alpha, alpha) for every image, float32 [B]."""
    if alpha == 1:
        return torch.rand(len(x), generator=generator, device=x.device)
    # torch.distributions takes no generator. In float64, since two gammas of a small alpha would both underflow.
    shape = torch.full((2, len(x)), alpha, dtype=torch.float64, device=x.device)
    first, second = torch._standard_gamma(shape, generator=generator).clamp_(min=1e-300)
    share: Tensor = first / (first + second)
    return share.to(torch.float32)


def mixed_labels(targets: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """Return share * targets + (1 - share) * targets[partner], labels [B, K] in the shares [B]."""
    return share[:, None] * targets + (1 - share)[:, None] * targets.index_select(0, partner)

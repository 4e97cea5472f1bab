"""An augmentation of one's own: darken some pictures. Parts of a policy are joined by +, a person's own come first.

tailtune fit digits --ratio 0.05 --policy "crop+examples/my_augmentation.py:shade" --out runs/shade
"""

import torch
from torch import Tensor


def shade(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Scale the brightness of each picture by a factor between 0.6 and 1; pixels [B, C, H, W], uint8."""
    factor = 0.6 + 0.4 * torch.rand(len(pixels), 1, 1, 1, generator=generator, device=pixels.device)
    return (pixels * factor).to(pixels.dtype)

"""Wide residual networks (WRN-d-k) for small images."""

from __future__ import annotations

import re

import torch.nn.functional as F
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import Head, make_head
from tailtune.models.network import Network, initialise_convolutions

NAME = re.compile(r"wrn-(\d+)-(\d+)")
STEM = 16


class WideBlock(nn.Module):
    """Pre-activation block: ``shortcut + conv(dropout(relu(bn(conv(relu(bn(x)))))))``.

    Where the shape changes the shortcut is a 1x1 convolution of the activated input, else the input itself.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        reshapes = stride > 1 or in_channels != channels
        self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False) if reshapes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H / stride, W / stride], rounded up."""
        activated = F.relu(self.bn1(x))
        residual: Tensor = self.conv2(self.dropout(F.relu(self.bn2(self.conv1(activated)))))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


class WideResNet(Network):
    """WRN-d-k: depth d = 6n + 4 and widths 16k, 32k, 64k; WRN-28-10 holds 36.5 million parameters.

    Args:
        depth: number of convolutions d, counting the 1x1 shortcuts as Zagoruyko and Komodakis do: 10, 16, 22, 28, ...
        widen: factor k on the widths of the three stages.
        channels: channels C of the input images.
        num_classes: number of classes K.
        head: "linear" or "cosine".
        dropout: rate between the two convolutions of a block.

    Raises:
        TailtuneError: a depth that is not 6n + 4, a factor below 1, or a rate outside [0, 1).

    Source: Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016.
    """

    def __init__(
        self,
        depth: int,
        widen: int,
        channels: int,
        num_classes: int,
        head: Head = "linear",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 4, 6)
        if rest or blocks < 1:
            raise TailtuneError(f"a wide ResNet has 6n + 4 layers (10, 16, 22, 28, 34, 40), however: {depth=}")
        if widen < 1 or not 0 <= dropout < 1:
            raise TailtuneError(
                f"a wide ResNet needs widen of 1 or more and dropout in [0, 1), however: {widen=}, {dropout=}"
            )
        self.conv = nn.Conv2d(channels, STEM, 3, padding=1, bias=False)
        stages, width = [], STEM
        for stage, stage_width in enumerate((16 * widen, 32 * widen, 64 * widen)):
            first = WideBlock(width, stage_width, 1 if stage == 0 else 2, dropout)
            rest_of_stage = (WideBlock(stage_width, stage_width, 1, dropout) for _ in range(blocks - 1))
            stages.append(nn.Sequential(first, *rest_of_stage))
            width = stage_width
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(width)
        initialise_convolutions(self)
        self.feature_dim = width
        self.head = make_head(head, width, num_classes)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the pooled features [N, 64k] of normalised images [N, C, H, W]."""
        (x,) = inputs
        x = F.relu(self.bn(self.stages(self.conv(x))))
        return x.mean(dim=(2, 3))


def parse_name(name: str) -> tuple[int, int] | None:
    """Return (depth, widening factor) of a name such as "wrn-28-10", or None for another name.

    >>> parse_name("wrn-28-10")
    (28, 10)
    """
    match = NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None

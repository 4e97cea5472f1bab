"""The narrow residual networks of the CIFAR experiments: ResNet-8, 20, 32, 44, 56 and 110."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import Head, make_head
from tailtune.models.network import Network, initialise_convolutions

DEPTHS = (8, 20, 32, 44, 56, 110)
WIDTHS = (16, 32, 64)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut without parameters: ``relu(shortcut(x) + bn(conv(relu(bn(conv(x))))))``.

    Where the block halves the resolution, the shortcut takes every second pixel and appends channels of zeros, which
    is option A of He et al. 2016.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H / stride, W / stride], rounded up."""
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1 or self.padding > 0:
            # Pooling of one pixel: the backward pass of x[:, :, ::2, ::2] would leave channels-last, and the gradients
            # that meet there would then be added and masked element by element.
            x = F.pad(F.avg_pool2d(x, 1, self.stride), (0, 0, 0, 0, 0, self.padding))
        return F.relu(x + residual)


class CifarResNet(Network):
    """ResNet of depth 6n + 2 for small images: a 3x3 convolution, three stages of n blocks, global average pooling.

    The stages have 16, 32 and 64 channels, and the second and third halve the resolution, so inputs from 8x8 up keep
    a map of at least 2x2 before pooling. ResNet-20, 32, 56 and 110 hold 0.27, 0.46, 0.85 and 1.7 million parameters.

    Args:
        depth: number of layers, 6n + 2: 8, 20, 32, 44, 56, 110, ...
        channels: channels C of the input images.
        num_classes: number of classes K.
        head: "linear" or "cosine".

    Raises:
        TailtuneError: a depth that is not 6n + 2.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.
    """

    feature_dim = WIDTHS[-1]

    def __init__(self, depth: int, channels: int, num_classes: int, head: Head = "linear") -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise TailtuneError(f"a CIFAR ResNet has 6n + 2 layers (8, 20, 32, ...), however: {depth=}")
        self.conv = nn.Conv2d(channels, WIDTHS[0], 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(WIDTHS[0])
        stages, width = [], WIDTHS[0]
        for stage_width in WIDTHS:
            first = BasicBlock(width, stage_width, stride=1 if stage_width == WIDTHS[0] else 2)
            stages.append(nn.Sequential(first, *(BasicBlock(stage_width, stage_width, 1) for _ in range(blocks - 1))))
            width = stage_width
        self.stages = nn.Sequential(*stages)
        initialise_convolutions(self)
        self.head = make_head(head, self.feature_dim, num_classes)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the pooled features [N, 64] of normalised images [N, C, H, W]."""
        (x,) = inputs
        maps: Tensor = self.stages(F.relu(self.bn(self.conv(x))))
        return maps.mean(dim=(2, 3))

"""Classification heads: features [N, D] -> logits [N, K]."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tailtune.errors import TailtuneError, nearest

Head = Literal["linear", "cosine"]

SCALE = 30.0  # s of Cao et al. 2019


class CosineHead(nn.Module):
    """Logits from angles alone: ``scale * cos(x, w_k)``, without bias.

    Neither the norm of the features nor that of a class's weights counts, so that frequent classes cannot win by
    growing their weight vectors, and a margin in the loss has a fixed meaning. The scale is part of the output:
    ``softmax`` of the logits is the prediction, at training and at inference alike. The cosine is computed in float32
    under autocast too, because at logits of 30 a bf16 number is 0.125 coarse.

    Args:
        feature_dim: width D of the features.
        num_classes: number of classes K.
        scale: factor s; 30 follows Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
            Loss", NeurIPS 2019.

    >>> head = CosineHead(2, 2)
    >>> _ = head.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 5.0]]))
    >>> head(torch.tensor([[0.1, 0.0]])).tolist()
    [[30.0, 0.0]]
    """

    def __init__(self, feature_dim: int, num_classes: int, scale: float = SCALE) -> None:
        super().__init__()
        self.in_features, self.out_features, self.scale = feature_dim, num_classes, scale
        self.weight = nn.Parameter(F.normalize(torch.randn(num_classes, feature_dim)))

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits [N, K] of features [N, D], each within [-scale, scale]."""
        with torch.autocast(features.device.type, enabled=False):
            cosine = F.linear(F.normalize(features.float()), F.normalize(self.weight.float()))
            return self.scale * cosine

    def extra_repr(self) -> str:
        """Describe the head in a printed model."""
        return f"in_features={self.in_features}, out_features={self.out_features}, scale={self.scale}"


def make_head(head: Head, feature_dim: int, num_classes: int) -> nn.Linear | CosineHead:
    """Build the head of that name for features of width `feature_dim`.

    Raises:
        TailtuneError: an unknown head, or fewer than two classes.
    """
    if num_classes < 2:
        raise TailtuneError(f"a classifier needs two classes or more, however: {num_classes=}")
    if head == "linear":
        return nn.Linear(feature_dim, num_classes)
    if head == "cosine":
        return CosineHead(feature_dim, num_classes)
    raise TailtuneError(f"head must be 'linear' or 'cosine', however: {head=}.{nearest(head, ['linear', 'cosine'])}")

"""TabM: an MLP that is many MLPs at once, which share most of their weights and are trained side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.models.network import Network

SIZES: Mapping[str, Any] = {"members": 32, "blocks": 3, "width": 512, "dropout": 0.1}  # as published


class TabM(Network):
    """An ensemble of MLPs in one network.

    While it trains, its logits are those of each member [N, M, K], and every member has a loss of its own; where it is
    evaluated they are the logarithm of the members' mean probabilities [N, K].

    Args:
        numeric: number of numeric columns Dn.
        cardinalities: number of codes of each categorical column [Dc], which are spread one-hot.
        num_classes: number of classes K.
        members: networks M.
        blocks: hidden layers.
        width: of each.
        dropout: rate after each.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling", ICLR 2025.
    """

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        num_classes: int,
        members: int,
        blocks: int,
        width: int,
        dropout: float,
    ) -> None:
        import tabm

        super().__init__()
        self.has_numeric, self.has_categorical = numeric > 0, len(cardinalities) > 0
        self.backbone = tabm.TabM.make(
            n_num_features=numeric,
            cat_cardinalities=list(cardinalities) or None,
            d_out=None,
            k=members,
            n_blocks=blocks,
            d_block=width,
            dropout=dropout,
        )
        self.feature_dim = width
        self.head = tabm.LinearEnsemble(width, num_classes, k=members)

    def features(self, *inputs: Tensor) -> Tensor:
        """Refuse: there is no one last layer behind the features.

        Raises:
            TailtuneError: always.
        """
        raise TailtuneError("tabm has a last layer for each of its members, and the method needs one; take mlp-plr")

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the logits of (numeric [N, Dn], categorical [N, Dc]): [N, M, K] in training, else [N, K]."""
        numeric, categorical = inputs
        hidden = self.backbone(numeric if self.has_numeric else None, categorical if self.has_categorical else None)
        logits: Tensor = self.head(hidden)
        if self.training:
            return logits
        return torch.log_softmax(logits, dim=2).logsumexp(dim=1) - math.log(logits.shape[1])

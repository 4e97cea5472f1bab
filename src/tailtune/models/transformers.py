"""Transformers for tables, a token a column: FT-Transformer, and the same with periodic embeddings of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import Head, make_head
from tailtune.models.network import Network

# None is the library's own size for so many blocks
SIZES: Mapping[str, Any] = {
    "blocks": 3,
    "width": None,
    "attention_dropout": None,
    "ffn_multiplier": None,
    "ffn_dropout": None,
}
PERIODIC_SIZES: Mapping[str, Any] = {**SIZES, "n_frequencies": 32, "frequency_init_scale": 1.0, "lite": False}
HEADS = 8  # of attention
_THEIRS = {
    "width": "d_block",
    "attention_dropout": "attention_dropout",
    "ffn_multiplier": "ffn_d_hidden_multiplier",
    "ffn_dropout": "ffn_dropout",
}


def with_library_sizes(sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `sizes` with the library's own, for so many blocks, where they are None."""
    from rtdl_revisiting_models import FTTransformer as Backbone

    theirs: dict[str, Any] = Backbone.get_default_kwargs(sizes["blocks"])
    return {name: theirs[_THEIRS[name]] if value is None else value for name, value in sizes.items()}


class FTTransformer(Network):
    """FT-Transformer: every column is a token, and the features are the class token's after norm and ReLU.

    Args:
        numeric: number of numeric columns Dn.
        cardinalities: number of codes of each categorical column [Dc].
        num_classes: number of classes K.
        head: "linear" or "cosine".
        sizes: those of `SIZES`, where not the defaults: number of blocks (1 to 6), width of tokens (a multiple of 8),
            dropout of attention, width of the inside of the feed-forward part over that of tokens, and its dropout.

    Raises:
        TailtuneError: sizes that make no network.

    Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021.
    """

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        num_classes: int,
        head: Head = "linear",
        sizes: Mapping[str, Any] = SIZES,
    ) -> None:
        from rtdl_revisiting_models import FTTransformer as Backbone

        super().__init__()
        settled = {**SIZES, **sizes}
        _check(settled)
        theirs: dict[str, Any] = Backbone.get_default_kwargs(settled["blocks"])
        theirs |= {_THEIRS[name]: settled[name] for name in _THEIRS if settled[name] is not None}
        self.has_numeric, self.has_categorical = numeric > 0, len(cardinalities) > 0
        self.backbone = Backbone(n_cont_features=numeric, cat_cardinalities=list(cardinalities), d_out=None, **theirs)
        self.feature_dim = theirs["d_block"]
        self.norm = nn.LayerNorm(self.feature_dim)
        self.head = make_head(head, self.feature_dim, num_classes)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the features [N, width] of (numeric [N, Dn], categorical [N, Dc])."""
        numeric, categorical = inputs
        token = self.backbone(numeric if self.has_numeric else None, categorical if self.has_categorical else None)
        return torch.relu(self.norm(token))


class TransformerPLR(FTTransformer):
    """FT-Transformer whose tokens of numbers are periodic embeddings.

    Args:
        numeric, cardinalities, num_classes, head: as for `FTTransformer`.
        sizes: those of `PERIODIC_SIZES`: also the frequencies a column, the standard deviation that they start with,
            and whether columns share a linear layer.
        scales: standard deviation of the initial frequencies of each column [Dn]; such frequencies stay as drawn. None
            takes ``frequency_init_scale`` for all columns and trains them.

    Raises:
        TailtuneError: sizes that make no network.

    Source: Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022.
    """

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        num_classes: int,
        head: Head = "linear",
        sizes: Mapping[str, Any] = PERIODIC_SIZES,
        scales: Tensor | None = None,
    ) -> None:
        from rtdl_num_embeddings import PeriodicEmbeddings

        settled = {**PERIODIC_SIZES, **sizes}
        super().__init__(numeric, cardinalities, num_classes, head, {name: settled[name] for name in SIZES})
        if settled["n_frequencies"] < 1 or settled["frequency_init_scale"] <= 0:
            raise TailtuneError(f"n_frequencies must be 1 or more, frequency_init_scale above 0, however: {settled}")
        if not numeric:
            return
        tokens = PeriodicEmbeddings(
            numeric,
            self.feature_dim,
            n_frequencies=settled["n_frequencies"],
            frequency_init_scale=1.0,
            lite=settled["lite"],
        )
        spread = settled["frequency_init_scale"] if scales is None else scales[:, None]
        with torch.no_grad():
            tokens.periodic.weight.mul_(spread)
        tokens.periodic.weight.requires_grad_(scales is None)
        self.backbone.cont_embeddings = tokens


def _check(sizes: Mapping[str, Any]) -> None:
    """Refuse sizes that make no network.

    Raises:
        TailtuneError: naming them.
    """
    given = {name: value for name, value in sizes.items() if value is not None}
    width, rates = given.get("width", HEADS), [given.get(name, 0.0) for name in ("attention_dropout", "ffn_dropout")]
    if not 1 <= given["blocks"] <= 6 or width < HEADS or width % HEADS or given.get("ffn_multiplier", 1.0) <= 0:
        raise TailtuneError(
            f"a transformer of tables has 1 to 6 blocks, a width that is a multiple of {HEADS} and an ffn_multiplier "
            f"above 0, however: {given}"
        )
    if not all(0 <= rate < 1 for rate in rates):
        raise TailtuneError(f"dropout must lie in [0, 1), however: {given}")

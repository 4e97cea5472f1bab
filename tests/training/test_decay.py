"""Which parameters weight decay spares, against names listed by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tailtune.models import tabular
from tailtune.models.build import build
from tailtune.settings import ResolvedTraining
from tailtune.training.decay import undecayed
from tailtune.training.optimiser import base_optimiser

TABLE: dict[str, Any] = {"numeric": 3, "cardinalities": [2, 4]}
IMAGES: dict[str, Any] = {"channels": 3, "height": 32, "width": 32}

BLOCK = "backbone.backbone.blocks."
DECAYED = {
    "mlp-plr": {"numeric.linear.weight", *(f"trunk.blocks.{i}.linear.weight" for i in range(2)), "head.weight"},
    "resnet-plr": {
        *("numeric.linear.weight", "trunk.0.input_projection.weight", "head.weight"),
        *(f"trunk.0.blocks.{i}.linear{j}.weight" for i in range(2) for j in (1, 2)),
    },
    "ft-transformer": {
        *(f"{BLOCK}{i}.attention.W_{matrix}.weight" for i in range(3) for matrix in ("q", "k", "v", "out")),
        *(f"{BLOCK}{i}.ffn.linear{j}.weight" for i in range(3) for j in (1, 2)),
        "head.weight",
    },
    "resnet8": {"conv.weight", *(f"stages.{i}.0.conv{j}.weight" for i in range(3) for j in (1, 2)), "head.weight"},
    "vit_tiny_patch16_224": {
        *(f"body.blocks.{i}.attn.{part}.weight" for i in range(12) for part in ("qkv", "proj")),
        *(f"body.blocks.{i}.mlp.fc{j}.weight" for i in range(12) for j in (1, 2)),
        *("body.patch_embed.proj.weight", "head.weight"),
    },
}


@pytest.mark.parametrize("model", DECAYED)
def test_what_decays_is_what_was_listed_by_hand(model: str) -> None:
    network = build(model, TABLE if model in tabular.NAMES else IMAGES, num_classes=3)
    names = {name for name, _ in network.named_parameters()}
    spared = undecayed(network)
    assert spared < names
    assert names - spared == DECAYED[model]


def test_names_of_a_network_of_ones_own() -> None:
    """Attention, a normalisation layer of two dimensions, and position parameters that only their name gives away."""

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
            self.norm = nn.LayerNorm([3, 4])
            self.position_embedding = nn.Parameter(torch.zeros(1, 3, 4))
            self.class_token = nn.Parameter(torch.zeros(1, 1, 4))
            self.relative_position_bias_table = nn.Parameter(torch.zeros(9, 2))
            self.biased_mixing = nn.Parameter(torch.zeros(4, 4))

    names = {name for name, _ in Mine().named_parameters("mine")}
    assert names - undecayed(Mine(), "mine.") == {
        *("mine.attention.in_proj_weight", "mine.attention.out_proj.weight", "mine.biased_mixing"),
    }


def test_the_optimiser_decays_by_these_names() -> None:
    """Biases of a tokeniser have two dimensions."""
    network = build("ft-transformer", TABLE, num_classes=3)
    run = ResolvedTraining(
        **{"data": "made", "method": "erm", "model": "ft-transformer", "epochs": 1, "batch_size": 8, "policy": "none"},
        **{"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.01, "ema": 0.0, "flip_averaging": False, "patience": 0},
    )  # type: ignore[arg-type]
    optimiser = base_optimiser(network.named_parameters(), run, undecayed(network))
    decays = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (0.01 if name in DECAYED["ft-transformer"] else 0.0), name

from __future__ import annotations

import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.models.build import build
from tailtune.models.transformers import FTTransformer, TransformerPLR

SHAPE = {"numeric": 3, "cardinalities": [4, 2]}


def inputs(rows: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 3), torch.randint(0, 2, (rows, 2))


@pytest.mark.parametrize("name", ["ft-transformer", "transformer-plr"])
def test_sizes_reach_the_network(name: str) -> None:
    sizes = "blocks=2, width=16, attention_dropout=0.3, ffn_multiplier=2.0, ffn_dropout=0.4"
    model = build(f"{name}({sizes})", SHAPE, 3)
    block = model.backbone.backbone.blocks[1]
    assert len(model.backbone.backbone.blocks) == 2
    assert model.feature_dim == 16
    assert (block["ffn"].linear2.in_features, block["ffn"].dropout.p, block["attention"].dropout.p) == (32, 0.4, 0.3)
    assert model(*inputs()).shape == (5, 3)


def test_left_open_they_are_the_librarys() -> None:
    model = build("ft-transformer(blocks=4)", SHAPE, 3)
    assert (model.feature_dim, model.backbone.backbone.blocks[0]["ffn"].dropout.p) == (256, 0.15)


def test_a_periodic_token_is_that_of_the_equation() -> None:
    model = TransformerPLR(3, [], 2, sizes={"blocks": 1, "width": 8, "n_frequencies": 5})
    numeric = torch.randn(6, 3)
    made = model.backbone.cont_embeddings
    angles = 2 * torch.pi * numeric[..., None] * made.periodic.weight
    waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
    expected = torch.relu(torch.einsum("njf,jfd->njd", waves, made.linear.weight) + made.linear.bias)
    torch.testing.assert_close(made(numeric), expected)


def test_frequencies_found_stay_and_frequencies_asked_for_train() -> None:
    found = TransformerPLR(3, [4], 2, sizes={"n_frequencies": 2000}, scales=torch.tensor([0.1, 1.0, 10.0]))
    weight = found.backbone.cont_embeddings.periodic.weight
    assert not weight.requires_grad
    torch.testing.assert_close(weight.std(dim=1), torch.tensor([0.1, 1.0, 10.0]), rtol=0.1, atol=0)
    asked = TransformerPLR(3, [4], 2, sizes={"n_frequencies": 2000, "frequency_init_scale": 3.0})
    weight = asked.backbone.cont_embeddings.periodic.weight
    assert weight.requires_grad
    torch.testing.assert_close(weight.std(), torch.tensor(3.0), rtol=0.1, atol=0)


def test_tables_without_numbers_have_tokens_of_categories_alone() -> None:
    for made in (FTTransformer(0, [4, 2], 2), TransformerPLR(0, [4, 2], 2)):
        assert made(torch.zeros(5, 0), torch.zeros(5, 2, dtype=torch.int64)).shape == (5, 2)


@pytest.mark.parametrize(
    "sizes",
    ["blocks=0", "blocks=7", "width=12", "ffn_multiplier=0.0", "ffn_dropout=1.0", "attention_dropout=-0.1"],
)
def test_impossible_sizes(sizes: str) -> None:
    for name in ("ft-transformer", "transformer-plr"):
        with pytest.raises(TailtuneError, match="however"):
            build(f"{name}({sizes})", SHAPE, 2)


@pytest.mark.parametrize("sizes", ["n_frequencies=0", "frequency_init_scale=0.0"])
def test_impossible_frequencies(sizes: str) -> None:
    with pytest.raises(TailtuneError, match="n_frequencies must be"):
        build(f"transformer-plr({sizes})", SHAPE, 2)

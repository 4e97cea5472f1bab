from __future__ import annotations

import numpy as np
import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.models.tabular import (
    NAMES,
    CategoricalEmbeddings,
    TabularConfig,
    TabularNetwork,
    build_tabular,
    embedding_dim,
    sizes_of,
)

SHAPES = [
    {"numeric": 3, "cardinalities": [2, 9, 2, 200]},
    {"numeric": 3, "cardinalities": []},
    {"numeric": 0, "cardinalities": [4, 1]},
]


def rows(shape: dict[str, object], n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    cardinalities: list[int] = shape["cardinalities"]  # type: ignore[assignment]
    codes = [torch.randint(0, c, (n,)) for c in cardinalities]
    categorical = torch.stack(codes, 1) if codes else torch.zeros(n, 0, dtype=torch.int64)
    return torch.randn(n, shape["numeric"]), categorical  # type: ignore[call-overload]


@pytest.mark.parametrize("shape", SHAPES, ids=["both", "numeric only", "categorical only"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "tabm"])  # which has no one last layer
def test_every_network_on_every_kind_of_table(name: str, shape: dict[str, object]) -> None:
    torch.manual_seed(0)
    model, inputs = build_tabular(name, shape, 4), rows(shape)
    logits = model(*inputs)
    assert logits.shape == (6, 4)
    assert model.eval().features(*inputs).shape == (6, model.feature_dim)
    assert torch.equal(model(*inputs), model.head(model.features(*inputs)))
    model.train()(*inputs).logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("lite", [False, True])
def test_periodic_embeddings_follow_the_formula(lite: bool) -> None:
    """relu(W [cos, sin](2 pi c x) + b), with W and b of each column, or of all columns together if lite."""
    torch.manual_seed(1)
    config = TabularConfig(n_frequencies=5, d_embedding=3, frequency_init_scale=0.5, lite=lite)
    model = TabularNetwork(2, [], 3, config=config).eval()
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    embedding = {name: p.detach().numpy().astype(np.float64) for name, p in model.numeric.named_parameters()}
    angles = 2 * np.pi * embedding["periodic.weight"][None] * x[:, :, None].astype(np.float64)
    v = np.concatenate([np.cos(angles), np.sin(angles)], axis=2)
    w, b = embedding["linear.weight"], embedding["linear.bias"]
    hidden = v @ w.T + b if lite else np.einsum("ndf,dfe->nde", v, w) + b
    expected = np.maximum(hidden, 0).reshape(4, -1)
    for block in model.trunk.blocks:
        weight, bias = (p.detach().numpy().astype(np.float64) for p in (block.linear.weight, block.linear.bias))
        expected = np.maximum(expected @ weight.T + bias, 0)
    features = model.features(torch.from_numpy(x), torch.zeros(4, 0, dtype=torch.int64))
    assert features.detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_frequencies_start_at_the_asked_scale() -> None:
    torch.manual_seed(0)
    narrow = TabularNetwork(50, [], 2, config=TabularConfig(n_frequencies=100, frequency_init_scale=7.0))
    assert narrow.numeric.periodic.weight.std().item() == pytest.approx(7.0, rel=0.03)  # cut at 3 sigma
    spread = TabularNetwork(2000, [], 2, config=TabularConfig(n_frequencies=3, frequency_init_scale=(0.01, 100.0)))
    assert spread.numeric.periodic.weight.std(0).tolist() == pytest.approx([0.01, 1.0, 100.0], rel=0.06)


def test_bf16_autocast_keeps_the_angles_exact() -> None:
    """At sigma of 100 an angle in bf16 would be off by whole turns."""
    torch.manual_seed(0)
    model = TabularNetwork(4, [], 3, config=TabularConfig(frequency_init_scale=100.0)).eval()
    inputs = (torch.randn(64, 4), torch.zeros(64, 0, dtype=torch.int64))
    exact = model.features(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.features(*inputs).float()
    assert (exact - rounded).norm() < 0.02 * exact.norm()


def test_embedding_vectors_belong_to_column_and_code() -> None:
    """Every (column, code) has its own vector, wherever the shared tables hold it."""
    cardinalities = [3, 50, 3, 7, 1]
    embeddings = CategoricalEmbeddings(cardinalities)
    assert embeddings.out_features == sum(embedding_dim(c) for c in cardinalities)
    base = embeddings(torch.zeros(1, 5, dtype=torch.int64))
    seen = []
    for column, cardinality in enumerate(cardinalities):
        for code in range(1, cardinality):
            codes = torch.zeros(1, 5, dtype=torch.int64)
            codes[0, column] = code
            changed = (embeddings(codes) != base).squeeze(0)
            assert changed.sum() == embedding_dim(cardinality)
            seen.append((column, tuple(changed.nonzero().flatten().tolist())))
    assert len({positions for _, positions in seen}) == len({column for column, _ in seen}) == 4
    used = sum(table.weight.shape[0] for table in embeddings.tables)
    assert used == sum(cardinalities)


def test_embedding_vectors_start_near_unit_norm() -> None:
    torch.manual_seed(0)
    table = CategoricalEmbeddings([5000]).tables[0]
    assert table.weight.norm(dim=1).mean().item() == pytest.approx(1.0, rel=0.02)


def test_embedding_dim_grows_and_is_bounded() -> None:
    dims = [embedding_dim(c) for c in range(1, 3000)]
    assert dims == sorted(dims)
    assert set(dims) == {2, 4, 8, 16, 32, 64}


def test_sizes_reach_the_network() -> None:
    for name in ("mlp", "mlp-plr", "resnet", "resnet-plr"):
        model = build_tabular(f"{name}(layers=2, width=32, dropout=0.0)", SHAPES[0], 3)
        assert model.feature_dim == 32
        trunk = model.trunk if name.startswith("mlp") else model.trunk[0]
        assert len(trunk.blocks) == 2


@pytest.mark.parametrize(
    "sizes",
    [
        {"layers": 0},
        {"dropout": 1.0},
        {"frequency_init_scale": 0.0},
        {"frequency_init_scale": (0.0, 1.0)},
        {"width": 0},
    ],
)
def test_impossible_sizes(sizes: dict[str, float]) -> None:
    with pytest.raises(TailtuneError, match="however"):
        TabularConfig(**sizes)  # type: ignore[arg-type]


def test_tables_that_no_network_can_take() -> None:
    with pytest.raises(TailtuneError, match="no feature column"):
        build_tabular("mlp", {"numeric": 0, "cardinalities": []}, 2)
    with pytest.raises(TailtuneError, match="one code or more"):
        build_tabular("mlp", {"numeric": 1, "cardinalities": [0]}, 2)
    with pytest.raises(TailtuneError, match="Did you mean 'mlp-plr'"):
        build_tabular("mlp-pler", {"numeric": 1, "cardinalities": []}, 2)


def test_mlp_plr_learns_a_periodic_rule_that_mlp_misses() -> None:
    torch.manual_seed(0)
    x = torch.randn(1500, 1)
    targets, none = (torch.sin(24 * x[:, 0]) > 0).long(), torch.zeros(1500, 0, dtype=torch.int64)
    accuracy = {}
    for name in ("mlp", "mlp-plr"):
        model = build_tabular(f"{name}(dropout=0.0)", {"numeric": 1, "cardinalities": []}, 2)
        optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(60):
            loss = torch.nn.functional.cross_entropy(model(x, none), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        accuracy[name] = (model.eval()(x, none).argmax(1) == targets).float().mean().item()
    assert accuracy["mlp-plr"] > 0.95 > 0.8 > accuracy["mlp"]


def test_embeddings_of_many_columns_are_narrow() -> None:
    few, many = (build_tabular("mlp-plr", {"numeric": columns, "cardinalities": []}, 2) for columns in (128, 1000))
    assert few.numeric(torch.zeros(1, 128)).shape == (1, 128, 16)
    assert many.numeric(torch.zeros(1, 1000)).shape == (1, 1000, 2)
    asked = build_tabular("mlp-plr(d_embedding=5)", {"numeric": 1000, "cardinalities": []}, 2)
    assert asked.numeric(torch.zeros(1, 1000)).shape == (1, 1000, 5)
    assert sizes_of("mlp-plr", 500)["d_embedding"] == 4

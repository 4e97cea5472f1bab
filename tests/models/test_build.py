from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tailtune.errors import TailtuneError
from tailtune.models import tabular
from tailtune.models.build import build, default_name, names
from tailtune.models.heads import CosineHead

TABLE: dict[str, Any] = {"numeric": 2, "cardinalities": [3, 4]}
IMAGE: dict[str, Any] = {"channels": 3, "height": 16, "width": 16}
EXAMPLES = [
    *((name, TABLE) for name in tabular.NAMES if name != "tabm"),
    *((name, IMAGE) for name in ("resnet8", "wrn-10-1", "timm/mobilenetv3_small_050")),
]


def inputs_of(shape: dict[str, Any], n: int = 4) -> tuple[torch.Tensor, ...]:
    if shape is TABLE:
        return torch.randn(n, 2), torch.randint(0, 3, (n, 2))
    return (torch.randn(n, 3, 16, 16),)


@pytest.mark.parametrize("head", ["linear", "cosine"])
@pytest.mark.parametrize(("name", "shape"), EXAMPLES)
def test_contract_of_every_network(name: str, shape: dict[str, Any], head: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, inputs = build(name, shape, 5, head=head), inputs_of(shape)
    assert model(*inputs).shape == (4, 5)
    model(*inputs).logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    model.eval()
    features = model.features(*inputs)
    assert features.shape == (4, model.feature_dim)
    assert model.head.weight.shape == (5, model.feature_dim)
    assert torch.equal(model.head(features), model(*inputs))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(model(*inputs)).all()

    save_file(model.state_dict(), tmp_path / "model.safetensors")  # refuses shared tensors
    other = build(name, shape, 5, head=head).eval()
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(other(*inputs), model(*inputs))


@pytest.mark.parametrize(("name", "shape"), EXAMPLES)
def test_the_seed_fixes_the_weights(name: str, shape: dict[str, Any]) -> None:
    states = []
    for seed in (3, 3, 4):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            states.append(build(name, shape, 5).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])


@pytest.mark.parametrize(
    ("name", "shape"), [("mlp-plr", TABLE), ("resnet-plr", TABLE), ("resnet8", IMAGE), ("wrn-10-1", IMAGE)]
)
def test_compiles_without_graph_breaks(name: str, shape: dict[str, Any]) -> None:
    model, inputs = build(name, shape, 5, head="cosine").eval(), inputs_of(shape)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(*inputs), model(*inputs), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet8", "wrn-10-1"])
def test_channels_last_changes_nothing_but_the_layout(name: str) -> None:
    torch.manual_seed(0)
    model, (x,) = build(name, IMAGE, 5).eval(), inputs_of(IMAGE)
    expected = model(x)
    maps: list[torch.Tensor] = []
    model.stages.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    actual = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert torch.allclose(actual, expected, atol=1e-4)
    assert maps[0].is_contiguous(memory_format=torch.channels_last)


def test_names_lead_to_the_right_family() -> None:
    assert type(build("resnet20", IMAGE, 10)).__name__ == "CifarResNet"
    assert type(build("resnet18", IMAGE, 10)).__name__ == "VisionNetwork"
    assert type(build("wrn-16-1", IMAGE, 10)).__name__ == "WideResNet"
    assert type(build("resnet", TABLE, 2)).__name__ == "TabularNetwork"
    assert isinstance(build("resnet20", IMAGE, 10, head="cosine").head, CosineHead)


def test_every_listed_image_name_exists() -> None:
    import timm

    cifar = {f"resnet{depth}" for depth in (8, 20, 32, 44, 56, 110)}
    wide = {name for name in names("image") if name.startswith("wrn-")}
    assert wide
    assert cifar <= set(names("image"))
    assert all(timm.is_model(name) for name in set(names("image")) - cifar - wide)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("mlp", IMAGE, "mlp is a model for tables"),
        ("xgboost", IMAGE, "xgboost is a model for tables"),
        ("resnet20", TABLE, "resnet20 is a model for images"),
        ("resnet50", TABLE, "resnet50 is a model for images"),
        ("xgboost", TABLE, "xgboost is no network; train it with tailtune fit --model xgboost"),
        ("mlp_plr", TABLE, "Did you mean 'mlp-plr'"),
        ("resnet21", IMAGE, "Did you mean 'resnet"),
        ("wrn_28_10", IMAGE, "Did you mean 'wrn-28-10'"),
        ("timm/resnet20", IMAGE, "no model for images is called 'timm/resnet20'"),
        ("wrn-27-10", IMAGE, "6n [+] 4"),
    ],
)
def test_wrong_names(name: str, shape: dict[str, Any], message: str) -> None:
    with pytest.raises(TailtuneError, match=message) as caught:
        build(name, shape, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "shape"), [("mlp", TABLE), ("resnet20", IMAGE), ("wrn-16-4", IMAGE)])
def test_pretrained_where_there_are_no_weights(name: str, shape: dict[str, Any]) -> None:
    with pytest.raises(TailtuneError, match="has no pretrained weights"):
        build(name, shape, 3, pretrained=True)


@pytest.mark.parametrize(
    ("side", "num_rows", "name"),
    [
        (8, 500, "resnet8"),
        (20, 10**6, "resnet8"),
        (32, 12_406, "resnet20"),
        (32, 50_000, "resnet32"),
        (224, 500, "resnet50"),
    ],
)
def test_default_for_images(side: int, num_rows: int, name: str) -> None:
    shape = {"channels": 3, "height": side, "width": side - 1}
    assert default_name("image", shape, num_rows) == name
    assert name in names("image")


def test_default_for_tables() -> None:
    assert default_name("table", TABLE, 100) == "mlp-plr"


def test_every_model_for_tables_is_listed() -> None:
    from tailtune.models.classical import LIBRARIES

    assert {*names("table")} == {"portfolio", *tabular.NAMES, *LIBRARIES}

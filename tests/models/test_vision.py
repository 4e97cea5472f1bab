from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.models import vision
from tailtune.models.build import build
from tailtune.models.listed import CLASSES, IMAGE_MODELS, SIDE
from tailtune.models.network import count_parameters
from tailtune.models.vision import build_vision
from tailtune.report.terminal.listing import entries

OF_EACH_KIND = ("resnet50", "densenet121", "inception_v3", "vgg11_bn", "convnext_tiny", "swinv2_tiny_window8_256")


def map_sides(model: vision.VisionNetwork, side: int, *layers: str) -> list[int]:
    """Height of the output of each layer for one square image."""
    sides: list[int] = []
    for layer in layers:
        hook = model.body.get_submodule(layer).register_forward_hook
        hook(lambda _module, _inputs, output: sides.append(output.shape[2]))
    model.eval()(torch.zeros(1, 3, side, side))
    return sides


def test_resnet_keeps_the_resolution_of_small_images() -> None:
    model = build_vision("resnet18", 3, 32, 32, 10)
    assert map_sides(model, 32, "conv1", "layer1", "layer4") == [32, 32, 4]
    assert model.body.conv1.kernel_size == (3, 3)
    assert count_parameters(model) == 11_173_962  # the CIFAR variant of ResNet-18 in the literature


def test_resnet_is_as_published_for_large_images() -> None:
    model = build_vision("resnet18", 3, 96, 96, 1000)
    assert map_sides(model, 96, "conv1", "layer1", "layer4") == [48, 24, 3]
    assert count_parameters(model) == 11_689_512


def test_resnext_and_deep_stem() -> None:
    model = build_vision("resnext50_32x4d", 3, 32, 32, 10)
    assert map_sides(model, 32, "conv1", "layer1") == [32, 32]
    deep = build_vision("resnet26d", 3, 32, 32, 10)
    assert map_sides(deep, 32, "conv1", "layer1") == [32, 32]


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("densenet121", "features.denseblock1", 32),
        ("mobilenetv2_100", "conv_stem", 32),
        ("efficientnet_b0", "conv_stem", 32),
        ("convnext_atto", "stages.0", 16),
        ("convnext_atto_ols", "stages.0", 16),
    ],
)
def test_other_families_keep_resolution_too(name: str, layer: str, side: int) -> None:
    assert map_sides(build_vision(name, 3, 32, 32, 10), 32, layer) == [side]


def test_transformers_get_the_image_size_and_small_patches() -> None:
    model = build_vision("vit_tiny_patch16_224", 1, 32, 32, 5)
    assert model.body.patch_embed.grid_size == (8, 8)
    assert model(torch.randn(2, 1, 32, 32)).shape == (2, 5)
    assert build_vision("swinv2_tiny_window8_256", 3, 32, 32, 5).body.patch_embed.grid_size == (16, 16)


def test_vgg_leaves_out_its_wide_layers() -> None:
    model = build_vision("vgg11_bn", 3, 32, 32, 10)
    assert model.feature_dim == 512
    assert count_parameters(model) == 9_231_114


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_head_and_gradients(channels: int) -> None:
    model = build_vision("mobilenetv3_small_050", channels, 28, 28, 7, head="cosine")
    x = torch.randn(4, channels, 28, 28)
    model(x).logsumexp(1).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    model.eval()
    assert model.features(x).shape == (4, model.feature_dim)
    assert torch.equal(model.head(model.features(x)), model(x))


def test_the_trial_pass_leaves_no_trace() -> None:
    model = build_vision("resnet18", 3, 32, 32, 10)
    assert model.training
    assert model.body.bn1.num_batches_tracked == 0
    assert not model.body.bn1.running_mean.any()


def test_images_too_small_for_the_architecture() -> None:
    with pytest.raises(
        TailtuneError, match=r"inception_v3 cannot take images of 16x20 px \(it needs 21 px.*image-size"
    ):
        build_vision("inception_v3", 3, 16, 20, 10)
    with pytest.raises(TailtuneError, match=r"vgg11 cannot take images of 28x28 px \(it needs 32 px a side or more"):
        build_vision("vgg11", 1, 28, 28, 10)


@pytest.mark.parametrize("side", [21, 32, 70, 75])
def test_inception_takes_small_images_and_the_middling_ones_that_its_published_stem_refuses(side: int) -> None:
    with torch.device("meta"):
        model = build_vision("inception_v3", 3, side, side, 10).eval()
        assert model(torch.zeros(2, 3, side, side)).shape == (2, 10)
    published = isinstance(model.body.Pool1, torch.nn.MaxPool2d)
    assert published == (side >= 75)


def test_swin_has_the_image_window_and_patch_size_of_small_images() -> None:
    body = build_vision("swinv2_tiny_window8_256", 3, 32, 32, 10).body
    assert body.patch_embed.img_size == (32, 32)
    assert body.patch_embed.patch_size == (2, 2)
    windows = [block.attn.window_size for stage in body.layers for block in stage.blocks]
    assert (windows[0], windows[-1]) == ((8, 8), (2, 2))  # not larger than the map of the last stage


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_listed_networks_have_the_size_that_is_said(name: str) -> None:
    with torch.device("meta"):
        model = build(name, {"channels": 3, "height": SIDE, "width": SIDE}, CLASSES)
    assert count_parameters(model) == IMAGE_MODELS[name].parameters


@pytest.mark.parametrize(
    "name", ["resnet50", "densenet121", "inception_v3", "efficientnet_b0", "vgg11_bn", "swinv2_tiny_window8_256"]
)
def test_one_step_lowers_the_loss_at_32_pixels(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, {"channels": 3, "height": SIDE, "width": SIDE}, CLASSES)
    x, y = torch.randn(4, 3, SIDE, SIDE), torch.arange(4)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        optimiser.zero_grad()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert losses[1] < losses[0]


def test_unknown_weight_tag() -> None:
    with pytest.raises(TailtuneError, match=r"cannot build 'resnet18.nonsense'"):
        build_vision("resnet18.nonsense", 3, 32, 32, 10)


def test_pretrained_weights_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes(b"no weights")
    monkeypatch.setattr("tailtune.models.vision.weights_file", lambda name: damaged)
    with pytest.raises(TailtuneError, match="could not be had") as caught:
        build_vision("test_resnet", 3, 96, 96, 10, pretrained=True)
    assert "\n" not in str(caught.value)


def test_pretrained_kernels_survive_the_small_stem(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    create = timm.create_model
    made: list[torch.Tensor] = []

    def with_weights(name: str, pretrained: bool, **options: object) -> torch.nn.Module:
        assert pretrained
        body: torch.nn.Module = create(name, pretrained=False, **options)
        made.append(body.conv1.weight.detach().clone())
        return body

    monkeypatch.setattr(timm, "create_model", with_weights)
    monkeypatch.setattr("tailtune.models.vision.weights_file", lambda name: None)
    model = build_vision("resnet18", 3, 32, 32, 10, pretrained=True)
    assert torch.equal(model.body.conv1.weight, made[0])
    assert map_sides(model, 32, "conv1", "layer1") == [32, 32]


def test_the_page_about_models_has_every_listed_network_with_its_true_size() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d,]+) \| (.+) \| (.+) \|$", page, flags=re.M)
    assert rows == [(name, f"{m.parameters:,}", m.stem, m.source) for name, m in IMAGE_MODELS.items()]


def test_the_list_on_the_command_line_has_the_sizes() -> None:
    lines = dict(entries("models"))
    assert lines["wrn-28-10"] == "for images; 36,479,194 parameters at 32 px and 10 classes"
    assert lines["mlp-plr"].startswith("for tables; MLP with periodic embeddings")

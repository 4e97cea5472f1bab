"""Checkpoints in the layouts of several projects, made here, end up in the network; wrong ones are refused in words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tailtune.errors import TailtuneError
from tailtune.models.cifar_resnet import CifarResNet
from tailtune.models.external_weights import default_cache, load_weights
from tailtune.models.vision import VisionNetwork, build_vision
from tailtune.models.weight_sources import SOURCES, Source

State = dict[str, torch.Tensor]


def network(channels: int = 3) -> VisionNetwork:
    return build_vision("test_resnet", channels, 96, 96, 5)


@pytest.fixture(scope="module")
def backbone() -> State:
    """Weights that no initialisation gives, without a classifier."""
    torch.manual_seed(1)
    body = timm.create_model("test_resnet", num_classes=0)
    return {
        name: tensor + 0.01 * torch.rand_like(tensor) if tensor.is_floating_point() else tensor + 3
        for name, tensor in body.state_dict().items()
    }


def prefixed(state: State, prefix: str, **more: torch.Tensor) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()} | more


LAYOUTS: dict[str, Callable[[State], Any]] = {
    "backbone alone, as VICReg's": lambda s: s,
    "torchvision with a classifier, as the converted SimCLR's": lambda s: {
        "state_dict": {**s, "fc.weight": torch.ones(1000, 96), "fc.bias": torch.ones(1000)}
    },
    "VICReg's full checkpoint": lambda s: {
        "epoch": 3,
        "model": prefixed(s, "module.backbone.") | {"module.projector.0.weight": torch.ones(4, 96)},
        "optimizer": {"state": {}},
    },
    "VISSL": lambda s: {
        "classy_state_dict": {"base_model": {"model": {"trunk": prefixed(s, "_feature_blocks."), "heads": {}}}}
    },
    "Lightning": lambda s: {"state_dict": prefixed(s, "backbone."), "pytorch-lightning_version": "2.0"},
    "compiled and wrapped": lambda s: prefixed(s, "_orig_mod.module."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_converted(layout: str, backbone: State, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(LAYOUTS[layout](backbone), file)
    model = network()
    head = model.head.weight.clone()  # type: ignore[operator, union-attr]
    assert load_weights(str(file), model) == []
    loaded = model.body.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in backbone.items())
    assert torch.equal(model.head.weight, head)  # type: ignore[arg-type]


def test_a_run_of_tailtune_gives_its_weights_to_another(tmp_path: Path) -> None:
    before, after = CifarResNet(8, 1, 10), CifarResNet(8, 1, 3)
    save_file(before.state_dict(), tmp_path / "model.safetensors")
    assert load_weights(str(tmp_path / "model.safetensors"), after) == []
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(before.eval().features(x), after.eval().features(x))


def test_the_first_kernel_is_adapted_to_the_channels(backbone: State, tmp_path: Path) -> None:
    torch.save(backbone, tmp_path / "weights.pth")
    grey, colour = network(channels=1), network()
    assert load_weights(str(tmp_path / "weights.pth"), grey) == []
    load_weights(str(tmp_path / "weights.pth"), colour)
    x = torch.randn(2, 1, 96, 96)
    torch.testing.assert_close(grey.eval().features(x), colour.eval().features(x.expand(-1, 3, -1, -1)))


def test_a_stem_made_for_small_images_stays_and_is_named(tmp_path: Path) -> None:
    backbone = timm.create_model("resnet18", num_classes=0).state_dict()
    torch.save(backbone, tmp_path / "weights.pth")
    model = build_vision("resnet18", 3, 32, 32, 5)
    stem = model.body.conv1.weight.clone()  # type: ignore[operator, union-attr]
    assert load_weights(str(tmp_path / "weights.pth"), model) == ["body.conv1.weight"]
    assert torch.equal(model.body.conv1.weight, stem)  # type: ignore[arg-type, union-attr]
    assert torch.equal(model.body.state_dict()["layer1.0.conv1.weight"], backbone["layer1.0.conv1.weight"])


@pytest.mark.parametrize("other", ["resnet10t", "test_convnext"])
def test_another_network_is_refused(other: str, tmp_path: Path) -> None:
    torch.save(timm.create_model(other, num_classes=0).state_dict(), tmp_path / "weights.pth")
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(TailtuneError, match="are of another network than the model"):
        load_weights(str(tmp_path / "weights.pth"), model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo this must never run",)


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    model = network()
    torch.save({"state_dict": {}, "extra": Payload()}, tmp_path / "code.pth")
    with pytest.raises(TailtuneError, match="reading that could run code"):
        load_weights(str(tmp_path / "code.pth"), model)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(TailtuneError, match="holds no state dict but a list"):
        load_weights(str(tmp_path / "list.pth"), model)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(TailtuneError, match="cannot be read as weights"):
        load_weights(str(tmp_path / "broken.safetensors"), model)
    with pytest.raises(TailtuneError, match="there is no file"):
        load_weights(str(tmp_path / "absent.pth"), model)
    with pytest.raises(TailtuneError, match="Did you mean 'vicreg'"):
        load_weights("vicregg", model)


@pytest.fixture
def published(backbone: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A server in a folder: publishes the weights as "made" and returns the file that is served."""

    def publish(**fields: Any) -> Path:
        file = tmp_path / "server" / "made.pth"
        file.parent.mkdir(exist_ok=True)
        torch.save({"state_dict": backbone | {"fc.weight": torch.ones(2, 96)}}, file)
        monkeypatch.setitem(SOURCES, "made", Source(file.as_uri(), "made.pth", **fields))
        return file

    return publish


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_published_file_is_checked_converted_and_kept(
    published: Callable[..., Path], backbone: State, tmp_path: Path
) -> None:
    file = published()
    published(sha256=sha256(file))
    cache = tmp_path / "cache"
    assert load_weights("made", network(), cache) == []
    assert load_file(cache / "made.safetensors").keys() == backbone.keys()
    assert {found.name for found in cache.iterdir()} == {"made.pth", "made.pth.sha256", "made.safetensors"}
    file.unlink()
    (cache / "made.pth").unlink()
    model = network()
    assert load_weights("made", model, cache) == []
    assert torch.equal(model.body.state_dict()["bn1.weight"], backbone["bn1.weight"])


def test_another_file_than_the_published_is_refused(published: Callable[..., Path], tmp_path: Path) -> None:
    published(sha256="0" * 64)
    with pytest.raises(TailtuneError, match="that of the published file with 000000000000; delete it"):
        load_weights("made", network(), tmp_path)
    assert not (tmp_path / "made.safetensors").exists()


def test_the_checksum_beside_the_file_counts(published: Callable[..., Path], tmp_path: Path) -> None:
    pointer = tmp_path / "pointer"
    pointer.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 3\n")
    published(pointer=pointer.as_uri())
    with pytest.raises(TailtuneError, match="published file with aaaaaaaaaaaa"):
        load_weights("made", network(), tmp_path)


def test_without_a_published_checksum_the_first_one_counts(published: Callable[..., Path], tmp_path: Path) -> None:
    file = published(pointer=(tmp_path / "absent").as_uri())
    load_weights("made", network(), tmp_path)
    assert (tmp_path / "made.pth.sha256").read_text() == f"{sha256(file)}  made.pth\n"
    (tmp_path / "made.safetensors").unlink()
    torch.save({}, tmp_path / "made.pth")
    with pytest.raises(TailtuneError, match="is not the file of the weights 'made'"):
        load_weights("made", network(), tmp_path)


def test_offline_says_what_to_fetch_and_where_to_put_it(published: Callable[..., Path], tmp_path: Path) -> None:
    file = published()
    (tmp_path / "by_hand.pth").write_bytes(file.read_bytes())
    file.unlink()
    with pytest.raises(TailtuneError) as caught:
        load_weights("made", network(), tmp_path / "cache")
    assert f"fetch {file.as_uri()} elsewhere and put it at {tmp_path / 'cache' / 'made.pth'}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
    (tmp_path / "by_hand.pth").rename(tmp_path / "cache" / "made.pth")
    assert load_weights("made", network(), tmp_path / "cache") == []


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("TAILTUNE_CACHE")
    assert default_cache() == Path.home() / ".cache" / "tailtune"


def test_published_sources_are_complete() -> None:
    for source in SOURCES.values():
        assert source.url.startswith("https://")
        assert source.pointer or len(source.sha256 or "") == 64


def test_timm_names_must_be_exact(monkeypatch: pytest.MonkeyPatch, backbone: State) -> None:
    create = timm.create_model

    def with_weights(name: str, pretrained: bool, **options: Any) -> torch.nn.Module:
        assert (name, pretrained) == ("test_resnet.r160_in1k", True)
        body: torch.nn.Module = create(name, pretrained=False, **options)
        body.load_state_dict(backbone)
        return body

    monkeypatch.setattr(timm, "create_model", with_weights)
    monkeypatch.setattr("tailtune.models.vision.weights_file", lambda name: None)
    model = VisionNetwork(create("test_resnet", num_classes=0), 96, 5)
    assert load_weights("timm/test_resnet.r160_in1k", model) == []
    assert torch.equal(model.body.state_dict()["bn1.weight"], backbone["bn1.weight"])
    with pytest.raises(
        TailtuneError, match=r"no pretrained weights 'test_resnet.r160_in1kk'. Did you mean 'test_resnet.r160_in1k'"
    ):
        load_weights("timm/test_resnet.r160_in1kk", model)
    with pytest.raises(TailtuneError, match="weights of a timm network, and the model is none; take timm/test_resnet"):
        load_weights("timm/test_resnet.r160_in1k", CifarResNet(8, 3, 5))


def test_timm_weights_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TailtuneError, match=r"could not be had: .* \(HF_HUB_OFFLINE is set\); .*--weights FILE"):
        load_weights("timm/test_resnet.r160_in1k", network())

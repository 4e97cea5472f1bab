"""Published weights come from the local cache, and a hub out of reach is found out in seconds and in silence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from hub_cache import TAG, TINY, keep_weights, use_cache

from tailtune.models import hub
from tailtune.models.hub import NoWeightsError, published, weights_file
from tailtune.models.vision import build_vision

NOBODY = "http://127.0.0.1:9"  # refuses at once


def test_weights_of_the_cache_are_loaded_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_cache(tmp_path, monkeypatch)
    state = keep_weights(tmp_path)
    path = weights_file(f"timm/{TINY}")
    assert path is not None
    assert path.is_relative_to(tmp_path)
    body = build_vision(f"{TINY}.{TAG}", 3, 96, 96, 4, pretrained=True).body.state_dict()
    assert all(torch.equal(body[name], tensor) for name, tensor in state.items() if not name.startswith("fc."))


def test_grey_pictures_get_the_summed_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_cache(tmp_path, monkeypatch)
    state = keep_weights(tmp_path)
    body = build_vision(TINY, 1, 96, 96, 4, pretrained=True).body
    stem = f"{body.pretrained_cfg['first_conv']}.weight"
    torch.testing.assert_close(body.state_dict()[stem], state[stem].sum(1, keepdim=True))


def test_the_error_names_the_cache_the_reason_and_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_cache(tmp_path, monkeypatch)
    with pytest.raises(
        NoWeightsError, match=r"timm/test_resnet.r160_in1k are not in the cache .*HF_HUB_OFFLINE"
    ) as caught:
        weights_file(TINY)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.address.endswith("/timm/test_resnet.r160_in1k/resolve/main/model.safetensors")


def test_a_hub_out_of_reach_is_found_out_once_in_seconds_and_in_silence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    use_cache(tmp_path, monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", NOBODY)
    monkeypatch.setattr(hub, "REMEMBERED", 10**9)
    hub._unreachable.cache_clear()
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(NoWeightsError, match="Connection refused"):
            weights_file(TINY)
    assert time.monotonic() - began < 2 * hub.SECONDS
    assert hub._unreachable.cache_info().misses == 1
    assert capfd.readouterr() == ("", "")
    hub._unreachable.cache_clear()


def test_a_hub_that_answers_without_the_file_is_an_error_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def failing(*_: object, **__: object) -> str:
        raise OSError("403 forbidden\nby the proxy")

    use_cache(tmp_path, monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_unreachable", lambda *_: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", failing)
    with pytest.raises(NoWeightsError, match="403 forbidden by the proxy"):
        weights_file(TINY)


def test_a_network_without_published_weights_has_no_file() -> None:
    assert published("no_such_network") is None
    assert weights_file("resnet18.nonsense") is None

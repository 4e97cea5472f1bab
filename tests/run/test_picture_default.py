"""A person's own pictures of 64 pixels or more begin with published weights if these are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hub_cache import TINY, keep_weights, use_cache
from PIL import Image

from tailtune.data.dataset import Dataset
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.models.build import default_for_own_pictures, default_name
from tailtune.run.learners import fit_model, with_model
from tailtune.run.predictor import Predictor
from tailtune.settings import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for name, count in (("left", 16), ("right", 8)):
        (root / name).mkdir()
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return open_dataset(Run(str(folder)))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache without weights, in which a tiny network stands for the default one."""
    for module in ("tailtune.models.build", "tailtune.run.learners.picture_default"):
        monkeypatch.setattr(f"{module}.PRETRAINED", TINY)
    use_cache(tmp_path, monkeypatch)
    return tmp_path


def test_weights_in_the_cache_are_taken(folder: Path, dataset: Dataset, tiny: Path) -> None:
    keep_weights(tiny)
    found = with_model(Run(str(folder)), dataset)
    assert (found.model, found.pretrained) == (TINY, True)


def test_without_weights_a_small_network_is_trained(folder: Path, dataset: Dataset, tiny: Path) -> None:
    found = with_model(Run(str(folder)), dataset)
    assert (found.model, found.pretrained) == ("regnetx_002", False)
    assert default_for_own_pictures(20_000, pretrained=False) == "resnet18"


@pytest.mark.parametrize(
    ("asked", "model", "pretrained"),
    [
        ({"pretrained": False}, "regnetx_002", False),
        ({"pretrained": True}, TINY, True),
        ({"weights": "mine.pth"}, TINY, None),
        ({"weights": "vicreg"}, "resnet50", None),
        ({"weights": "timm/resnet26.bt_in1k"}, "resnet26", None),
        ({"model": "resnet8"}, "resnet8", None),
    ],
)
def test_what_is_asked_for_is_done(
    asked: dict[str, object], model: str, pretrained: bool | None, folder: Path, dataset: Dataset, tiny: Path
) -> None:
    found = with_model(Run(str(folder), **asked), dataset)  # type: ignore[arg-type]
    assert (found.model, found.pretrained) == (model, pretrained)


def test_comparisons_and_named_data_keep_their_networks(folder: Path, dataset: Dataset, tiny: Path) -> None:
    keep_weights(tiny)
    assert with_model(Run(str(folder)), dataset, alone=False).model == default_name(
        "image", dataset.preprocessor.shape(), 15
    )
    assert with_model(Run("ham10000"), dataset).model == "resnet50"


def test_a_run_begins_with_the_weights_and_normalises_as_they_were_made(folder: Path, tiny: Path) -> None:
    state = keep_weights(tiny)
    run = Run(str(folder), method="erm", epochs=1, lr=1e-12, ema=0.0, out=str(tiny / "run"), flip=True)
    dataset = open_dataset(run)
    fitted = fit_model(run, dataset)
    assert fitted is not None
    assert (fitted.run.model, fitted.run.pretrained, fitted.run.optimizer) == (TINY, True, "adamw")
    weights = fitted.predictor.model.state_dict()
    for name in (name for name in state if state[name].ndim == 4):
        torch.testing.assert_close(weights[f"body.{name}"], state[name], rtol=0, atol=1e-6)
    assert isinstance(fitted.predictor.preprocessor, ImagePreprocessor)
    assert fitted.predictor.preprocessor.mean == (0.5, 0.5, 0.5)  # as timm says of these weights
    fitted.predictor.save(tiny)
    expected = fitted.predictor.probabilities(dataset.test.inputs)
    assert np.array_equal(Predictor.load(tiny).probabilities(dataset.test.inputs), expected)


def test_the_fallback_is_said_in_one_sentence_that_names_the_file(
    folder: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailtune.models.build.default_for_own_pictures", lambda *_: "resnet8")
    monkeypatch.setattr("tailtune.run.learners.picture_default.default_for_own_pictures", lambda *_: "resnet8")
    run = Run(str(folder), method="erm", epochs=1, flip=True)
    fitted = fit_model(run, open_dataset(run))
    assert fitted is not None
    said = [sentence for sentence in fitted.training.warnings if "scratch" in sentence]
    assert len(said) == 1
    assert f"/timm/{TINY}.r160_in1k/resolve/main/model.safetensors elsewhere and give it by --weights FILE." in said[0]


def test_pretrained_by_name_stays_an_error(folder: Path, dataset: Dataset, tiny: Path) -> None:
    run = Run(str(folder), pretrained=True, epochs=1)
    with pytest.raises(TailtuneError, match="could not be had"):
        fit_model(run, dataset)

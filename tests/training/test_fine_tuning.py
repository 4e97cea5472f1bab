"""Published weights are trained further with a slower body, their own normalisation and few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.methods.method import Method, Stage
from tailtune.settings import Resolved, Run
from tailtune.training.fine_tuning import fine_tunes, normalised_as_published, own_pictures, with_slower_body
from tailtune.training.recipe import resolve


def pictures(side: int, channels: int = 3, rows: int = 40) -> Dataset:
    pixels = torch.zeros(rows, channels, side, side, dtype=torch.uint8)
    part = Part((pixels,), torch.arange(rows) % 2, np.array([str(i) for i in range(rows)]))
    plain = ImagePreprocessor(channels, side, side, (0.1,) * channels, (0.2,) * channels)
    return Dataset("image", "made", ("a", "b"), part, part, part, plain, "given", "0")


@pytest.mark.parametrize(
    ("run", "side", "own", "tunes"),
    [
        (Run("folder", pretrained=True), 64, True, True),
        (Run("folder", weights="mine.pth"), 96, True, True),
        (Run("folder", pretrained=False), 96, True, False),
        (Run("folder"), 96, True, False),
        (Run("folder", pretrained=True), 63, False, False),
        (Run("ham10000", pretrained=True), 96, False, False),
    ],
)
def test_whose_pictures_are_fine_tuned(run: Run, side: int, own: bool, tunes: bool) -> None:
    assert own_pictures(run, pictures(side)) is own
    assert fine_tunes(run, pictures(side)) is tunes


def test_the_body_is_slower_but_where_a_stage_sets_its_own_rates() -> None:
    own = {"head.": 0.5}
    method = with_slower_body(Method("m", (Stage(), Stage(lr_factors=own))))
    assert method.stages[0].lr_factors == {"head.": 1.0, "": 0.1}
    assert method.stages[1].lr_factors == own


def test_the_statistics_are_those_of_the_published_weights() -> None:
    found = normalised_as_published(Run("folder", pretrained=True), pictures(96), "timm/resnet18").preprocessor
    assert isinstance(found, ImagePreprocessor)
    assert found.mean == (0.485, 0.456, 0.406)
    assert found.std == (0.229, 0.224, 0.225)
    grey = normalised_as_published(Run("folder", pretrained=True), pictures(96, channels=1), "resnet18").preprocessor
    assert isinstance(grey, ImagePreprocessor)
    assert grey.mean == pytest.approx((0.449,))


@pytest.mark.parametrize(("weights", "model"), [("simclr", "resnet50"), ("mine.pth", "resnet20")])
def test_other_weights_keep_the_statistics_of_the_pixels(weights: str, model: str) -> None:
    dataset = pictures(96)
    assert normalised_as_published(Run("folder", weights=weights), dataset, model) is dataset


def test_the_routine_is_short_and_gives_way_to_what_is_asked() -> None:
    asked = Resolved(data="folder", model="resnet18", method="tuned", pretrained=True)
    tuned, dataset = Method("tuned", recipe="tuned"), pictures(96, rows=1000)
    found = resolve(asked, tuned, dataset)
    assert (found.optimizer, found.lr, found.batch_size, found.epochs) == ("adamw", 1e-3, 32, 13)  # 13 x 31 steps
    assert found.ema == 0.98
    own = resolve(replace(asked, optimizer="sgd", epochs=3, weight_decay=0.0), tuned, dataset)
    assert (own.optimizer, own.lr, own.epochs, own.weight_decay) == ("sgd", 1e-2, 3, 0.0)
    scratch = resolve(replace(asked, pretrained=None), tuned, dataset)
    assert (scratch.optimizer, scratch.lr) == ("sgd", 0.1)

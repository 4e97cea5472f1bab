"""Whether mirrored pictures keep their class is read off validation pictures, and a sentence says what was assumed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.methods.method import Method, Stage
from tailtune.settings import Resolved
from tailtune.training.mirrors import look_at_mirrors, undecided

RUN = Resolved(data="folder", model="resnet8", method="erm")


def part(rows: int, sided: bool, seed: int) -> Part:
    """Pictures with a bright spot: left or right (`sided`), or above or below, in places and noise of their own."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.3).astype(np.int64)
    pixels = rng.integers(0, 60, (rows, 1, 16, 16), dtype=np.uint8)
    for i, k in enumerate(y):
        across, along = rng.integers(0, 12), (9 if k else 1) + rng.integers(0, 2)
        row, column = (across, along) if sided else (along, across)
        pixels[i, 0, row : row + 4, column : column + 4] += 180
    return Part((torch.from_numpy(pixels),), torch.from_numpy(y), np.array([f"{seed}-{i}" for i in range(rows)]))


def pictures(sided: bool, val: int = 60) -> Dataset:
    train = part(200, sided, 0)
    held = part(val, sided, 1) if val else None
    made = ImagePreprocessor.fit(train.inputs[0])
    return Dataset("image", "made", ("0", "1"), train, held, part(40, sided, 2), made, "given", "0")


def test_left_and_right_are_told_apart_and_so_not_mirrored() -> None:
    found = look_at_mirrors(pictures(sided=True), RUN)
    assert not found.keep
    assert "recognises mirrored ones far worse" in found.said
    assert "60 validation pictures" in found.said
    assert "say --flip True" in found.said


def test_above_and_below_stay_when_mirrored() -> None:
    found = look_at_mirrors(pictures(sided=False), RUN)
    assert found.keep
    assert "nearly as well" in found.said
    assert "--no-flip" in found.said
    assert look_at_mirrors(pictures(sided=False), RUN) == found  # nothing is left to chance


@pytest.mark.parametrize(
    ("val", "changes", "why"),
    [
        (0, {}, "fewer than 20 validation pictures"),
        (19, {}, "fewer than 20 validation pictures"),
        (60, {"minutes": 0.5}, "--minutes 0.5 leaves no time"),
    ],
)
def test_what_is_not_tested_is_assumed_and_said(val: int, changes: dict[str, Any], why: str) -> None:
    found = look_at_mirrors(pictures(True, val), replace(RUN, **changes))
    assert found.keep
    assert why in found.said


def test_where_nothing_can_be_learnt_nothing_is_concluded() -> None:
    data = pictures(sided=True)
    assert data.val is not None
    noise = replace(data.val, targets=data.val.targets[torch.randperm(60, generator=torch.Generator().manual_seed(3))])
    found = look_at_mirrors(replace(data, val=noise), RUN)
    assert found.keep
    assert "learnt nothing" in found.said


@pytest.mark.parametrize(
    ("changes", "open_"),
    [
        ({}, True),
        ({"policy": "altflip+crop"}, True),
        ({"policy": "crop"}, False),
        ({"policy": "none"}, False),
        ({"flip": False}, False),
        ({"flip": True}, False),
        ({"data": "cifar10"}, False),
        ({"flip_averaging": True}, False),
    ],
)
def test_when_it_is_open(changes: dict[str, Any], open_: bool) -> None:
    assert undecided(replace(RUN, **changes), pictures(True), Method("erm")) is open_


def test_what_is_known_or_never_mirrored_is_not_asked() -> None:
    data = pictures(True)
    assert not undecided(RUN, replace(data, flip=True), Method("erm"))
    assert not undecided(RUN, data, Method("probe", (Stage(share=0.0),)))
    tiny = replace(data.preprocessor, height=8, width=8)  # type: ignore[type-var]
    assert not undecided(RUN, replace(data, preprocessor=tiny), Method("erm"))

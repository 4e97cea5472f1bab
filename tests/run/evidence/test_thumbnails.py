from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from tailtune.run.evidence.thumbnails import heat_thumbnail, side_of, thumbnail


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_tiny_picture_is_kept_to_the_pixel() -> None:
    pixels = torch.randint(0, 256, (1, 8, 8), dtype=torch.uint8)
    uri = thumbnail(pixels, 96)
    assert uri.startswith("data:image/png;base64,")
    assert np.array_equal(np.asarray(opened(uri)), pixels[0].numpy())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_one_becomes_small_and_keeps_its_proportions(channels: int) -> None:
    pixels = torch.zeros(channels, 200, 400, dtype=torch.uint8)
    pixels[..., 200:] = 255
    small = opened(thumbnail(pixels, 64))
    assert (small.format, small.size) == ("JPEG", (64, 32))
    values = np.asarray(small.convert("L"))
    assert values[:, :20].max() < 30
    assert values[:, -20:].min() > 225


def test_heat_is_orange_and_the_rest_grey() -> None:
    heat = np.zeros((8, 8))
    heat[2, 5] = 1.0
    picture = np.asarray(opened(heat_thumbnail(torch.zeros(3, 8, 8, dtype=torch.uint8), heat, 96))).astype(int)
    assert picture[2, 5].tolist() == [213, 94, 0]
    assert (picture[0, 0] == 110).all()
    nothing = np.asarray(opened(heat_thumbnail(torch.zeros(1, 8, 8, dtype=torch.uint8), np.zeros((8, 8)), 96)))
    assert (nothing == 110).all()


@pytest.mark.parametrize("pictures", [10, 100, 300])
def test_all_together_stay_a_few_hundred_kilobytes(pictures: int) -> None:
    pixels = torch.randint(0, 256, (3, 7, 7)).float()[None]
    smooth = torch.nn.functional.interpolate(pixels, (224, 224), mode="bicubic").clamp(0, 255)[0].to(torch.uint8)
    assert pictures * len(thumbnail(smooth, side_of(pictures))) < 500_000

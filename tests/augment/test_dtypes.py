"""Images of floats from 0 to 1, grey images, and images that are not square."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tailtune.augment import augmix, autoaugment, jitter, operations, randaugment, resizing, trivialaugment
from tailtune.augment.levels import to_levels
from tailtune.augment.policies import PARTS, build
from tailtune.augment.views import image_view
from tailtune.errors import TailtuneError

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)
EXACT = [part for part in PARTS if part not in ("resizedcrop", "jitter", "augmix") and "augment" not in part]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def levels(*shape: int) -> Tensor:
    """Smooth pictures with noise, uint8."""
    batch, channels, height, width = shape
    coarse = torch.rand(batch, channels, 4, 4, generator=seeded(0)) * 235
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (smooth + torch.rand(shape, generator=seeded(0)) * 20).to(torch.uint8)


def augmented(policy: str, pixels: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> Tensor:
    rows = torch.arange(len(pixels))
    return build(policy, mean, std)(pixels, rows % 4, 4, seeded(), rows)[0]


def test_levels_of_floats_are_torchvision_s() -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    every = torch.arange(256, dtype=torch.uint8)
    x = torch.rand(1000, generator=seeded())
    convert = v2.ToDtype(torch.uint8, scale=True)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(to_levels(every.to(dtype) / 255), every)
        assert torch.equal(to_levels(x.to(dtype)), convert(x[None, None].to(dtype))[0, 0])
    assert to_levels(torch.tensor([-0.1, 1.1])).tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("policy", ["none", *PARTS, "flip+crop+trivialaugment+cutmix"])
def test_levels_give_the_same_as_uint8_and_as_floats(policy: str, dtype: torch.dtype) -> None:
    pixels = levels(12, 3, 10, 14)
    floats = pixels.to(dtype) / 255
    before = floats.clone()
    out = augmented(policy, floats)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, augmented(policy, pixels), atol=1e-5, rtol=1e-5)
    assert torch.equal(floats, before)


@pytest.mark.parametrize("policy", EXACT)
def test_parts_that_need_no_levels_keep_floats_exact(policy: str) -> None:
    """Two images that differ by less than a level stay different, by as much."""
    x = torch.full((40, 3, 10, 14), 0.5)
    apart = (augmented(policy, x + 1e-3) - augmented(policy, x)) * torch.tensor(STD)[:, None, None]
    kept = apart.abs() > 1e-6  # elsewhere is padding, a hole or noise
    assert float(kept.float().mean()) > 0.4
    torch.testing.assert_close(apart[kept], torch.full_like(apart[kept], 1e-3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 12, 21)])
@pytest.mark.parametrize("operation", trivialaugment.OPERATIONS)
def test_every_operation_on_floats_equals_torchvision_s(operation: str, shape: tuple[int, ...]) -> None:
    """At most three levels apart; posterising and solarising fall on the other side of a step in a few pixels."""
    v2 = pytest.importorskip("torchvision.transforms.v2")
    reference = v2.TrivialAugmentWide()
    x = (levels(4, *shape) + torch.rand(4, *shape, generator=seeded()) * 0.99) / 256
    name = {"autocontrast": "AutoContrast"}.get(operation, operation.title().replace("_", ""))
    for index in (5, 22):
        setting = trivialaugment.settings()[trivialaugment.choice_of(operation, index)]
        row = operations.parameters((setting,), *shape[1:], x.device)
        out = operations.in_turn(x, row.expand(1, 4, -1))
        wanted = torch.stack(
            [
                reference._apply_image_or_video_transform(
                    image, name, setting.magnitude, interpolation=v2.InterpolationMode.NEAREST, fill=reference._fill
                )
                for image in x
            ]
        )
        assert out.dtype == wanted.dtype == torch.float32
        few = 0.03 if operation in ("posterize", "solarize") else 0.0
        assert float(((out - wanted).abs() > 3 / 255).float().mean()) <= few, setting


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize(
    "change",
    [
        augmix.augmix,
        autoaugment.autoaugment,
        jitter.jitter,
        randaugment.randaugment,
        resizing.resized_crop,
        trivialaugment.trivialaugment,
        lambda pixels, generator: image_view(pixels, generator, flip=True),
    ],
)
def test_parts_called_by_themselves_keep_the_dtype(change: Any, dtype: torch.dtype) -> None:
    pixels = levels(8, 3, 10, 14)
    out = change(pixels if dtype == torch.uint8 else pixels.to(torch.float64).div(255).to(dtype), seeded())
    assert out.dtype == dtype
    if dtype in (torch.float32, torch.float64):
        assert torch.equal(to_levels(out), change(pixels, seeded()))


@pytest.mark.parametrize("policy", ["none", "flip+cutmix", "trivialaugment", "augmix", "resizedcrop"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int16, torch.bool])
def test_other_dtypes_are_refused(policy: str, dtype: torch.dtype) -> None:
    with pytest.raises(TailtuneError, match=rf"uint8 \(0 to 255\) or floats \(0 to 1\), however: {dtype}"):
        augmented(policy, levels(4, 3, 10, 14).to(dtype))


@pytest.mark.parametrize("shape", [(9, 16), (16, 9)])
@pytest.mark.parametrize("policy", [part for part in PARTS if part != "erasing"] + ["erasing(fill=mean)"])
def test_a_grey_picture_changes_as_the_same_picture_in_three_channels(policy: str, shape: tuple[int, int]) -> None:
    """All but the brightest of a level more or less, which equalising or posterising may widen afterwards."""
    pixels = levels(40, 1, *shape)
    grey = augmented(policy, pixels, (0.0,), (1.0,))
    colour = augmented(policy, pixels.expand(-1, 3, -1, -1), (0.0,) * 3, (1.0,) * 3)
    assert grey.shape == pixels.shape
    assert float(((colour - grey).abs() > 2 / 255).float().mean()) < 0.02

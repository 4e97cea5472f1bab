"""Whole policies on pixels, against torchvision for the same choices image by image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tailtune.augment import augmix, autoaugment, jitter, operations, randaugment, resizing
from tailtune.augment.operations import Setting


def pictures(channels: int, height: int, width: int, batch: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, channels, 5, 5, generator=generator) * 235
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (smooth + torch.rand(batch, channels, height, width, generator=generator) * 20).to(torch.uint8)


def one_by_one(image: Tensor, settings: list[Setting], interpolation: str = "nearest") -> Tensor:
    for setting in settings:
        row = operations.parameters((setting,), *image.shape[1:], image.device)
        image = operations.operate(image[None], row, interpolation=interpolation)[0]  # type: ignore[arg-type]
    return image


def test_autoaugment_applies_the_drawn_pair_in_order() -> None:
    x = pictures(3, 16, 16, batch=60)
    choice = autoaugment.choose(60, "cifar10", torch.Generator().manual_seed(1), x.device)
    table = autoaugment.settings("cifar10", 16, 16)
    wanted = torch.stack([one_by_one(x[i], [table[c] for c in choice[:, i]]) for i in range(60)])
    out = autoaugment.apply(x, operations.rows_of(table, choice, x))
    assert int((out.int() - wanted.int()).abs().max()) <= 1


def test_randaugment_applies_the_drawn_operations_in_order() -> None:
    x = pictures(3, 16, 16, batch=60)
    choice = torch.randint(28, (3, 60), generator=torch.Generator().manual_seed(1))
    table = randaugment.settings(9, 16, 16)
    wanted = torch.stack([one_by_one(x[i], [table[c] for c in choice[:, i]]) for i in range(60)])
    out = randaugment.apply(x, operations.rows_of(table, choice, x))
    assert int((out.int() - wanted.int()).abs().max()) <= 1


def test_augmix_is_the_weighted_sum_of_the_image_and_its_chains() -> None:
    x = pictures(3, 16, 16, batch=20)
    table = augmix.settings(3, 16, 16)
    generator = torch.Generator().manual_seed(1)
    choice = torch.randint(len(table), (3, 3, 20), generator=generator)
    weights = torch.rand(20, 4, generator=generator)
    weights /= weights.sum(1, keepdim=True)
    out = augmix.apply(x, (operations.rows_of(table, choice, x), weights))
    for i in range(20):
        chains = [one_by_one(x[i], [table[c] for c in choice[:, k, i]], "bilinear").double() for k in range(3)]
        wanted = sum(w * image for w, image in zip(weights[i].double(), [x[i].double(), *chains], strict=True))
        assert float((out[i] - wanted).max()) <= 1e-3
        assert float((wanted - out[i]).max()) < 1 + 1e-3  # cut off to a whole level, as torchvision does


def test_jitter_equals_torchvision_s_for_the_same_factors_and_order() -> None:
    """At most two levels apart: each of the four operations cuts off to whole levels."""
    v2 = pytest.importorskip("torchvision.transforms.v2")
    x = pictures(3, 16, 16, batch=48)
    generator = torch.Generator().manual_seed(1)
    strength = torch.tensor([0.6, 0.6, 0.6, -0.1]) + torch.tensor([0.8, 0.8, 0.8, 0.2]) * torch.rand(
        48, 4, generator=generator
    )
    order = torch.rand(48, 4, generator=generator).argsort(1)
    out = jitter.apply(x, jitter.rows_of(strength, order))
    reference = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)
    names = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")
    wanted = torch.stack(
        [
            reference.transform(x[i], dict(zip(names, strength[i].tolist(), strict=True)) | {"fn_idx": order[i]})
            for i in range(48)
        ]
    )
    apart = (out.int() - wanted.int()).abs()
    assert int(apart.max()) <= 2
    assert float((apart > 0).float().mean()) < 0.02


@pytest.mark.parametrize("turn", [-0.5, -0.13, 0.0, 0.02, 0.4])
def test_a_turn_of_the_hue_equals_torchvision_s(turn: float) -> None:
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    row = operations.parameters((Setting("hue", turn),), 16, 16, x.device)
    apart = (operations.operate(x, row.expand(4, -1)).int() - functional.adjust_hue(x, turn).int()).abs()
    assert int(apart.max()) <= 1
    assert float((apart > 0).float().mean()) < 0.02


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 21, 34)])
def test_resized_crop_equals_torchvision_s_for_the_same_box(shape: tuple[int, int, int]) -> None:
    """At most one level apart: torchvision interpolates bytes in fixed point."""
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    x = pictures(*shape, batch=60)
    boxes = resizing.boxes(x, torch.Generator().manual_seed(1))
    wanted = torch.stack(
        [
            functional.resized_crop(image, *(int(value) for value in box), size=list(shape[1:]))
            for image, box in zip(x, boxes.t(), strict=True)
        ]
    )
    apart = (resizing.resize(x, boxes).int() - wanted.int()).abs()
    assert int(apart.max()) <= 1
    whole = torch.tensor([0, 0, *shape[1:]]).float()[:, None].expand(4, 60)
    assert torch.equal(resizing.resize(x, whole), x)

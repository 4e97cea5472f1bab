"""Compiled policies do what the same policies do without compiling."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tailtune.augment.policies import PARTS, Augment, build

STD = (0.25, 0.2, 0.1)
WHOLE = "flip+crop+trivialaugment+cutmix"
OTHERS = "altflip+resizedcrop+erasing+mixup"


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def batch(size: int = 12, floats: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (size, 3, 9, 14), dtype=torch.uint8, generator=generator)
    return pixels / 255 if floats else pixels, torch.arange(size) % 4


def policy_of(name: str) -> Augment:
    return build(name, (0.5, 0.4, 0.3), STD)


@pytest.mark.parametrize("policy", ["none", *PARTS, WHOLE])
def test_what_was_drawn_is_applied_in_one_graph(policy: str) -> None:
    pixels, targets = batch()
    augment = policy_of(policy)
    drawn = augment.draw(pixels, torch.Generator().manual_seed(1), targets, 1)
    compiled = torch.compile(augment.apply, fullgraph=True, backend="aot_eager")
    for actual, wanted in zip(
        compiled(pixels, targets, 4, drawn), augment.apply(pixels, targets, 4, drawn), strict=True
    ):
        assert torch.equal(actual, wanted)


@pytest.mark.parametrize(("policy", "floats"), [(WHOLE, False), (OTHERS, True)])
def test_a_compiled_policy_follows_its_generator_and_any_batch_size(policy: str, floats: bool) -> None:
    augment = policy_of(policy)
    compiled = torch.compile(augment, backend="eager")
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    for size, epoch in ((12, 0), (12, 1), (5, 2)):
        pixels, targets = batch(size, floats)
        (x, y), (actual_x, actual_y) = (
            call(pixels, targets, 4, generator, targets, epoch)
            for call, generator in zip((augment, compiled), generators, strict=True)
        )
        assert torch.equal(actual_x, x)
        assert torch.equal(actual_y, y)
    assert torch.equal(*(generator.get_state() for generator in generators))


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:Torchinductor does not support code generation for complex")
@pytest.mark.parametrize(("policy", "floats"), [(WHOLE, False), (OTHERS, True)])
def test_generated_code_equals_the_uncompiled_policy_within_rounding(policy: str, floats: bool) -> None:
    pixels, targets = batch(floats=floats)
    augment = policy_of(policy)
    drawn = augment.draw(pixels, torch.Generator().manual_seed(1), targets, 0)
    compiled = torch.compile(augment.apply, fullgraph=True, options={"compile_threads": 1})
    (x, y), (actual_x, actual_y) = (apply(pixels, targets, 4, drawn) for apply in (augment.apply, compiled))
    torch.testing.assert_close(actual_y, y)
    apart = (actual_x - x).abs() * torch.tensor(STD)[:, None, None] * 255  # in levels
    assert float((apart > 0.01).float().mean()) < 0.05  # what is rounded to a level may fall to the next one
    assert float((apart > 1.01).float().mean()) < 0.01

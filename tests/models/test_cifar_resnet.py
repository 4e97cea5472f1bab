from __future__ import annotations

import numpy as np
import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.models.cifar_resnet import BasicBlock, CifarResNet
from tailtune.models.network import count_parameters


def expected_parameters(depth: int, channels: int, num_classes: int) -> int:
    """Convolutions of 9 c_in c_out weights, two numbers a channel of batch normalisation, a linear head."""
    blocks = (depth - 2) // 6
    total, width = 9 * channels * 16 + 2 * 16, 16
    for stage in (16, 32, 64):
        for _ in range(blocks):
            total += 9 * width * stage + 9 * stage * stage + 4 * stage
            width = stage
    return total + 64 * num_classes + num_classes


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(8, 75_290), (20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)],
)
def test_parameter_counts(depth: int, parameters: int) -> None:
    assert count_parameters(CifarResNet(depth, 3, 10)) == parameters == expected_parameters(depth, 3, 10)


def test_other_channels_and_classes() -> None:
    assert count_parameters(CifarResNet(20, 1, 100)) == expected_parameters(20, 1, 100)


def test_shortcut_has_no_parameters_and_pads_with_zeros() -> None:
    block = BasicBlock(2, 4, stride=2).eval()
    with torch.no_grad():
        block.bn2.weight.zero_()  # silences the residual branch
    x = torch.rand(1, 2, 5, 5)
    expected = np.zeros((1, 4, 3, 3))
    expected[:, :2] = x.numpy()[:, :, ::2, ::2]
    assert np.array_equal(block(x).detach().numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("side", [8, 28, 32])
def test_last_map_is_a_quarter_of_the_image(side: int) -> None:
    model = CifarResNet(8, 3, 10)
    sizes: list[torch.Size] = []
    model.stages.register_forward_hook(lambda _module, _inputs, output: sizes.append(output.shape))
    model(torch.randn(2, 3, side, side))
    assert sizes == [torch.Size((2, 64, side // 4, side // 4))]


def test_initial_weights_have_kaiming_variance() -> None:
    torch.manual_seed(0)
    weight = CifarResNet(20, 3, 10).stages[2][1].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("depth", [2, 18, 21])
def test_impossible_depth(depth: int) -> None:
    with pytest.raises(TailtuneError, match=rf"6n \+ 2.*depth={depth}"):
        CifarResNet(depth, 3, 10)

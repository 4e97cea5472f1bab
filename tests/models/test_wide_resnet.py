from __future__ import annotations

import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.models.network import count_parameters
from tailtune.models.wide_resnet import WideResNet, parse_name


@pytest.mark.parametrize(
    ("depth", "widen", "parameters"), [(16, 4, 2_748_890), (40, 2, 2_243_546), (28, 10, 36_479_194)]
)
def test_parameter_counts_of_the_paper(depth: int, widen: int, parameters: int) -> None:
    with torch.device("meta"):
        assert count_parameters(WideResNet(depth, widen, 3, 10)) == parameters


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    model, x = WideResNet(10, 1, 1, 3, dropout=0.5), torch.randn(4, 1, 8, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_identity_blocks_have_no_shortcut_convolution() -> None:
    model = WideResNet(16, 1, 3, 10)  # widths 16, 32, 64 from a stem of 16: the first stage keeps its shape
    assert [block.shortcut is None for stage in model.stages for block in stage] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_names() -> None:
    assert parse_name("wrn-16-4") == (16, 4)
    assert parse_name("wrn-16") is None
    assert parse_name("resnet20") is None


@pytest.mark.parametrize(("depth", "widen", "dropout"), [(27, 10, 0.0), (4, 1, 0.0), (16, 0, 0.0), (16, 1, 1.0)])
def test_impossible_sizes(depth: int, widen: int, dropout: float) -> None:
    with pytest.raises(TailtuneError, match="wide ResNet"):
        WideResNet(depth, widen, 3, 10, dropout=dropout)

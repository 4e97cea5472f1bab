from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from tailtune.errors import TailtuneError
from tailtune.optim.ema import WeightEMA


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def train(model: nn.Module, ema: WeightEMA, steps: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    seen = []
    for _ in range(steps):
        model(torch.randn(8, 3, generator=generator))
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=generator))
        seen.append(model[0].weight.detach().clone())
        ema.update()
    return seen


@pytest.mark.parametrize("warmup", [False, True])
def test_parameters_follow_the_recurrence_and_buffers_are_copied(warmup: bool) -> None:
    model = network()
    ema = WeightEMA(model, decay=0.9, warmup=warmup)
    average = model[0].weight.detach().clone()
    for t, weight in enumerate(train(model, ema, 100), start=1):
        d = min(0.9, (1 + t) / (10 + t)) if warmup else 0.9
        average = d * average + (1 - d) * weight
    assert ema.steps == 100
    other = network()
    ema.apply_to(other)
    torch.testing.assert_close(other[0].weight.detach(), average)
    for mine, theirs in zip(model.buffers(), other.buffers(), strict=True):
        assert torch.equal(mine, theirs)
    assert other[1].num_batches_tracked == 100


def test_average_parameters_swaps_and_restores_also_after_an_error() -> None:
    model, averaged = network(), network()
    ema = WeightEMA(model, decay=0.5)
    train(model, ema, 3)
    ema.apply_to(averaged)
    own = [t.clone() for t in model.state_dict().values()]
    model(torch.randn(8, 3))  # its statistics move on after the last update
    own_mean = model[1].running_mean.clone()

    def check_and_fail() -> None:
        with ema.average_parameters():
            assert all(torch.equal(a, b) for a, b in zip(model.parameters(), averaged.parameters(), strict=True))
            assert torch.equal(model[1].running_mean, averaged[1].running_mean)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_and_fail()
    assert torch.equal(model[0].weight, own[0])
    assert torch.equal(model[1].running_mean, own_mean)
    assert model[0].weight.requires_grad


def test_state_round_trip_continues_the_same_average() -> None:
    torch.manual_seed(0)
    model = network()
    ema = WeightEMA(model, decay=0.9, warmup=True)
    train(model, ema, 5)
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "ema": ema.state_dict()}, file)
    train(model, ema, 5, seed=1)

    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = network()
    other = WeightEMA(resumed, decay=0.9, warmup=True)
    resumed.load_state_dict(saved["model"])
    other.load_state_dict(saved["ema"])
    train(resumed, other, 5, seed=1)
    averages = other.state_dict()["parameters"]
    for name, average in ema.state_dict()["parameters"].items():
        assert torch.equal(average, averages[name]), name
    assert other.steps == 10


def test_bf16_weights_are_averaged_in_float32() -> None:
    model = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.zeros_(model.weight)
    ema = WeightEMA(model, decay=0.999)
    nn.init.ones_(model.weight)
    for _ in range(1000):
        ema.update()
    average = ema.state_dict()["parameters"]["weight"]
    assert average.dtype == torch.float32
    assert average.item() == pytest.approx(1 - 0.999**1000, rel=1e-3)
    with ema.average_parameters():
        assert model.weight.dtype == torch.bfloat16
        assert model.weight.item() == pytest.approx(0.632, abs=0.01)


def test_refusals() -> None:
    with pytest.raises(TailtuneError, match="decay"):
        WeightEMA(network(), decay=1.0)
    ema = WeightEMA(network())
    with pytest.raises(TailtuneError, match=r"another network.*0\.weight"):
        ema.apply_to(nn.Linear(3, 4))
    with pytest.raises(TailtuneError, match="shapes"):
        ema.apply_to(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    with pytest.raises(TailtuneError, match="another network"):
        ema.load_state_dict(WeightEMA(nn.Linear(3, 4)).state_dict())

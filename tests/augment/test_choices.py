"""What the policies draw has the distribution that their papers give (chi-square tests at p = 0.001)."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tailtune.augment import alternating, augmix, autoaugment, jitter, randaugment, resizing
from tailtune.augment.operations import SIGNED
from tailtune.errors import TailtuneError


def chi_square(counts: Tensor, shares: Tensor) -> float:
    """Return the p value of observed counts [M] under the shares [M]."""
    stats = pytest.importorskip("scipy.stats")
    assert int(counts[shares == 0].sum()) == 0
    counts, shares = counts[shares > 0].double(), shares[shares > 0].double()
    assert float((shares.sum() - 1).abs()) < 1e-6
    return float(stats.chisquare(counts.numpy(), (shares / shares.sum() * counts.sum()).numpy()).pvalue)


def blank(batch: int) -> Tensor:
    return torch.zeros(batch, 1, 1, 1, dtype=torch.uint8)


@pytest.mark.parametrize("policy", ["cifar10", "imagenet"])
def test_autoaugment_draws_pairs_chances_and_directions(policy: str) -> None:
    choice = autoaugment.choose(200_000, policy, torch.Generator().manual_seed(0), torch.device("cpu"))
    for position, drawn in enumerate(choice):
        shares = torch.zeros(101)
        for place, pair in enumerate(autoaugment._pairs(policy)):
            first = 1 + 2 * (position * 25 + place)
            shares[first : first + 2] = pair[position][1] / 50
        shares[0] = 1 - shares.sum()
        assert chi_square(torch.bincount(drawn, minlength=101), shares) > 0.001
    joint = torch.zeros(25, 2, 2)  # of a sub-policy, whether its first and its second operation are applied
    for place, pair in enumerate(autoaugment._pairs(policy)):
        p, q = pair[0][1], pair[1][1]
        joint[place] = torch.tensor([[(1 - p) * (1 - q), (1 - p) * q], [p * (1 - q), p * q]]) / 25
    both = (choice > 0).all(0)
    pair = (choice[0][both] - 1) // 2
    assert torch.equal(pair, (choice[1][both] - 1) // 2 - 25)
    assert chi_square(torch.bincount(pair, minlength=25), joint[:, 1, 1] / joint[:, 1, 1].sum()) > 0.001


def test_randaugment_draws_n_times_uniformly_and_independently() -> None:
    first, second = randaugment.choose(200_000, 2, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert chi_square(torch.bincount(first * 28 + second, minlength=784), torch.full((784,), 1 / 784)) > 0.001
    assert [s.magnitude < 0 for s in randaugment.settings(9, 32, 32)] == [
        name in SIGNED and sign == 1 for name in randaugment.OPERATIONS for sign in (0, 1)
    ]


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_augmix_draws_depths_operations_and_shares(alpha: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    choice, weights = augmix.choose(20_000, 3, 3, alpha, torch.Generator().manual_seed(0), torch.device("cpu"))
    depth = (choice > 0).sum(0)
    assert chi_square(torch.bincount(depth.flatten(), minlength=4), torch.tensor([0, 1 / 3, 1 / 3, 1 / 3])) > 0.001
    assert bool(((choice > 0).int().diff(dim=0) <= 0).all())  # a chain that has ended does not go on
    used = torch.bincount(choice[choice > 0] - 1, minlength=78)
    assert chi_square(used, torch.full((78,), 1 / 78)) > 0.001
    torch.testing.assert_close(weights.sum(1), torch.ones(20_000))
    own = weights[:, 0].double().numpy()
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 0.001
    for share in (weights[:, 1:] / weights[:, 1:].sum(1, keepdim=True)).double().t():
        assert stats.kstest(share.clamp(0, 1).numpy(), stats.beta(alpha, 2 * alpha).cdf).pvalue > 0.001


def test_jitter_draws_factors_and_all_orders() -> None:
    reaches = (0.4, 1.5, 0.0, 0.1)
    strength, order = jitter.choose(50_000, reaches, torch.Generator().manual_seed(0), torch.device("cpu"))
    for values, low, high in zip(strength.t(), (0.6, 0.0, 1.0, -0.1), (1.4, 2.5, 1.0, 0.1), strict=True):
        assert low - 1e-6 <= float(values.min())
        assert float(values.max()) <= high + 1e-6
        if high > low:
            counts = torch.histc(values, 20, low, high)
            assert chi_square(counts, torch.full((20,), 1 / 20)) > 0.001
    number = (order * torch.tensor([64, 16, 4, 1])).sum(1)
    places, counts = number.unique(return_counts=True)
    assert len(places) == 24
    assert chi_square(counts, torch.full((24,), 1 / 24)) > 0.001


def test_boxes_have_the_areas_and_proportions_of_torchvision_s() -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    stats = pytest.importorskip("scipy.stats")
    x = torch.zeros(4000, 1, 60, 80, dtype=torch.uint8)
    top, left, rows, columns = resizing.boxes(x, torch.Generator().manual_seed(0), smallest=0.2)
    assert bool((top >= 0).all() & (left >= 0).all() & (top + rows <= 60).all() & (left + columns <= 80).all())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        crop = v2.RandomResizedCrop((60, 80), scale=(0.2, 1.0), ratio=(0.75, 1 / 0.75))
        drawn = [crop.make_params([x[0]]) for _ in range(4000)]
    wanted = torch.tensor([[d["top"], d["left"], d["height"], d["width"]] for d in drawn]).double().t()
    for ours, theirs in zip((top, left, rows, columns), wanted, strict=True):
        assert stats.ks_2samp(ours.double().numpy(), theirs.numpy()).pvalue > 0.001
    assert stats.ks_2samp((rows * columns).double().numpy(), (wanted[2] * wanted[3]).numpy()).pvalue > 0.001


def test_a_box_that_never_fits_is_the_largest_central_one() -> None:
    x = torch.zeros(3, 1, 10, 100, dtype=torch.uint8)
    boxes = resizing.boxes(x, torch.Generator().manual_seed(0), smallest=1.0)
    assert boxes[:, 0].tolist() == [0, 43, 10, 13]


def test_alternating_flip_shows_every_row_both_ways_in_two_epochs() -> None:
    x = torch.arange(600 * 4).view(600, 1, 1, 4)
    rows = torch.randperm(600, generator=torch.Generator().manual_seed(0))
    even, odd, next_even = (alternating.alternating_flip(x, rows, epoch) for epoch in (0, 1, 2))
    assert torch.equal(even, next_even)
    assert torch.equal(odd, even.flip(-1))
    mirrored = (even == x.flip(-1)).flatten(1).all(1)
    assert torch.equal(even[~mirrored], x[~mirrored])
    assert torch.equal(mirrored.long(), alternating.half(rows))


def test_the_halves_of_alternating_flip_are_equal_and_without_pattern() -> None:
    halves = alternating.half(torch.arange(100_000))
    for length in (1, 2, 4):  # runs of consecutive rows
        runs = halves.view(-1, length) * (2 ** torch.arange(length))
        counts = torch.bincount(runs.sum(1), minlength=2**length)
        assert chi_square(counts, torch.full((2**length,), 2.0**-length)) > 0.001
    assert math.isclose(float(halves.double().mean()), 0.5, abs_tol=0.01)


@pytest.mark.parametrize(
    ("refused", "settings", "words"),
    [
        (autoaugment.autoaugment, {"policy": "svhn"}, "cifar10, imagenet"),
        (randaugment.randaugment, {"n": 0}, "n=0"),
        (randaugment.randaugment, {"m": 31}, "m=31"),
        (augmix.augmix, {"severity": 0}, "severity=0"),
        (augmix.augmix, {"alpha": 0.0}, "alpha=0.0"),
        (jitter.jitter, {"hue": 0.6}, "hue=0.6"),
        (jitter.jitter, {"contrast": -1.0}, "contrast=-1.0"),
        (resizing.resized_crop, {"smallest": 0.0}, "smallest=0.0"),
        (resizing.resized_crop, {"aspect": 1.5}, "aspect=1.5"),
    ],
)
def test_impossible_settings_are_refused(refused: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        refused(blank(2), torch.Generator(), **settings)

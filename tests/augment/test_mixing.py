import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.augment.mixing import cutmix, mixup, mixup_or_cutmix

shapes = st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12))
alphas = st.sampled_from([0.05, 0.2, 1.0, 4.0])


def batch_of(size, height, width):
    """Image i is filled with the value i, and its label is class i."""
    x = torch.arange(size, dtype=torch.float32)[:, None, None, None].expand(size, 2, height, width).clone()
    return x, torch.eye(size)


@settings(max_examples=60, deadline=None)
@given(shapes, alphas, st.integers(0, 2**31))
def test_cutmix_labels_equal_the_area_of_each_class(shape, alpha, seed):
    x, targets = batch_of(*shape)
    mixed, labels = cutmix(x, targets, torch.Generator().manual_seed(seed), alpha=alpha, probability=1.0)
    area = torch.stack([(mixed[:, 0] == k).float().mean((1, 2)) for k in range(shape[0])], dim=1)
    torch.testing.assert_close(labels, area, atol=1e-6, rtol=0)
    assert torch.equal(mixed[:, 0], mixed[:, 1])


@settings(max_examples=60, deadline=None)
@given(shapes, alphas, st.integers(0, 2**31))
def test_mixup_images_and_labels_share_the_same_weights(shape, alpha, seed):
    x, targets = batch_of(*shape)
    mixed, labels = mixup(x, targets, torch.Generator().manual_seed(seed), alpha=alpha)
    assert torch.isfinite(labels).all()
    torch.testing.assert_close(mixed[:, 0, 0, 0], labels @ torch.arange(shape[0]).float(), atol=1e-4, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([cutmix, mixup, mixup_or_cutmix]), shapes, st.integers(2, 6), st.integers(0, 2**31))
def test_soft_labels_stay_distributions(mix, shape, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.rand(shape[0], classes, generator=generator).softmax(1)
    _, labels = mix(torch.rand(shape[0], 1, *shape[1:], generator=generator), targets, generator)
    torch.testing.assert_close(labels.sum(1), torch.ones(shape[0]))
    assert float(labels.min()) >= 0


def test_cutmix_probability_is_the_share_of_touched_images():
    x, targets = batch_of(2000, 16, 16)
    for probability in (0.0, 0.5):
        _, labels = cutmix(x, targets, torch.Generator().manual_seed(0), probability=probability)
        touched = float((labels.max(1).values < 1).float().mean())
        assert touched == pytest.approx(probability * 0.93, abs=0.05)  # the tiniest rectangles vanish


def test_rectangle_area_follows_the_uniform_share_where_the_border_does_not_cut():
    """With alpha 1 the share is uniform: E[side^2] = 1/2 of the image before the border cuts the rectangle off.

    A centred rectangle of side s keeps E[min(c + s/2, 1) - max(c - s/2, 0)] = s - s^2/4 of a side, so the expected
    area is the integral of 2 s (s - s^2/4)^2 over 0..1 = 1/2 - 1/5 + 1/48.
    """
    x, targets = batch_of(4000, 64, 64)
    _, labels = cutmix(x, targets, torch.Generator().manual_seed(0), probability=1.0)
    pasted = 1 - labels.diagonal()
    assert float(pasted.mean()) == pytest.approx(0.5 - 0.2 + 1 / 48, abs=0.02)


def test_small_alpha_mixes_little_and_large_alpha_evenly():
    x, targets = batch_of(3000, 1, 1)
    spread = [float(mixup(x, targets, torch.Generator().manual_seed(0), a)[1].max(1).values.mean()) for a in (0.1, 20)]
    assert spread[0] > 0.9
    assert spread[1] < 0.65

import pytest
import torch

from tailtune.augment.policies import build
from tailtune.errors import TailtuneError

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def targets():
    return torch.arange(32) % 4


def test_none_only_normalises(pixels, targets):
    x, y = build("none", MEAN, STD)(pixels, targets, 4, torch.Generator())
    wanted = (pixels.double() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(x, wanted.float(), atol=1e-5, rtol=1e-5)
    assert y is targets


@pytest.mark.parametrize("policy", ["flip", "crop", "trivialaugment", "flip+crop+trivialaugment"])
def test_policies_without_mixing_keep_class_indices(policy, pixels, targets):
    x, y = build(policy, MEAN, STD)(pixels, targets, 4, torch.Generator().manual_seed(0))
    assert x.shape == pixels.shape
    assert x.dtype == torch.float32
    assert torch.equal(y, targets)


@pytest.mark.parametrize("policy", ["cutmix", "mixup", "cutmix+mixup", "flip+crop+trivialaugment+cutmix"])
def test_mixing_policies_give_soft_labels(policy, pixels, targets):
    augment = build(policy, MEAN, STD)
    x, y = augment(pixels, targets, 4, torch.Generator().manual_seed(0))
    assert augment.mixes
    assert x.shape == pixels.shape
    assert y.shape == (32, 4)
    torch.testing.assert_close(y.sum(1), torch.ones(32))


def test_mixing_accepts_soft_targets(pixels):
    soft = torch.full((32, 4), 0.25)
    _, y = build("cutmix", MEAN, STD)(pixels, soft, 4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(y, soft)


def test_flip_false_drops_mirroring_and_nothing_else():
    assert build("flip+crop+cutmix", MEAN, STD, flip=False).parts == ("crop", "cutmix")
    assert build("flip", MEAN, STD, flip=False).parts == ()


def test_order_and_case_do_not_matter():
    assert build("CutMix + flip", MEAN, STD) == build("flip+cutmix", MEAN, STD)


def test_equal_seeds_give_equal_batches(pixels, targets):
    augment = build("flip+crop+trivialaugment+cutmix+mixup", MEAN, STD)
    first, second = (augment(pixels, targets, 4, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_an_unknown_part_suggests_the_nearest():
    with pytest.raises(TailtuneError, match=r"unknown part 'trivialaugmnt'.*Did you mean 'trivialaugment'\?"):
        build("flip+trivialaugmnt", MEAN, STD)


@pytest.mark.parametrize("policy", ["flip+flip", "none+crop", ""])
def test_repeated_contradictory_and_empty_policies_are_refused(policy):
    with pytest.raises(TailtuneError, match="augmentation policy"):
        build(policy, MEAN, STD)

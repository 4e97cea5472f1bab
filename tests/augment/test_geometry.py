import torch
from torch.nn import functional as F

from tailtune.augment.geometry import crop_and_flip, padding_for, shift_and_mirror, warp


def images(batch=6, channels=3, height=12, width=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, 256, (batch, channels, height, width), dtype=torch.uint8, generator=generator)


def test_shift_and_mirror_equals_pad_crop_flip_image_by_image():
    x = images()
    rows, columns, mirrored = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([6, 5, 4, 3, 0, 3]), torch.arange(6) % 2
    out = shift_and_mirror(x, rows, columns, mirrored, (2, 3))
    for i in range(6):
        window = F.pad(x[i], (3, 3, 2, 2))[:, rows[i] : rows[i] + 12, columns[i] : columns[i] + 10]
        assert torch.equal(out[i], window.flip(-1) if mirrored[i] else window)


def test_no_crop_and_no_flip_is_the_identity():
    x = images()
    assert torch.equal(crop_and_flip(x, torch.Generator(), crop=False, flip=False), x)


def test_flip_mirrors_about_half_the_images_and_changes_nothing_else():
    x = images(batch=400)
    out = crop_and_flip(x, torch.Generator().manual_seed(1), crop=False)
    mirrored = (out == x.flip(-1)).flatten(1).all(1)
    assert torch.equal(out[~mirrored], x[~mirrored])
    assert 160 <= int(mirrored.sum()) <= 240


def test_crop_offsets_are_uniform_over_all_places():
    x = torch.zeros(5000, 1, 8, 8, dtype=torch.uint8)
    x[:, 0, 4, 4] = 1  # with one pixel of padding this dot lands on one of 3 x 3 places
    where = crop_and_flip(x, torch.Generator().manual_seed(2), flip=False).flatten(1).argmax(1)
    counts = torch.bincount(where, minlength=64).view(8, 8)[3:6, 3:6].flatten().double()
    assert counts.sum() == 5000
    expected = 5000 / 9
    assert float(((counts - expected) ** 2 / expected).sum()) < 26.1  # chi-square, 8 degrees of freedom, p = 0.001


def test_the_same_generator_state_gives_the_same_images():
    x = images()
    first, second = (crop_and_flip(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_padding_is_four_on_cifar_and_grows_with_the_side():
    assert [padding_for(side) for side in (8, 32, 224)] == [1, 4, 28]


def test_warp_by_a_quarter_turn_equals_rot90():
    x = images(height=9, width=9)
    turn = torch.tensor([[0.0, -1, 0, 1, 0, 0]]).expand(6, 6) * 2 / 9
    assert torch.equal(warp(x, turn), torch.rot90(x, 1, (2, 3)))


def test_warp_fills_with_zeros_from_outside():
    x = images(height=8, width=8)
    shift = torch.tensor([[1.0, 0, -3, 0, 1, 0]]).expand(6, 6) * 2 / 8
    out = warp(x, shift)
    assert int(out[..., :3].sum()) == 0
    assert torch.equal(out[..., 3:], x[..., :-3])

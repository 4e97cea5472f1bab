import pytest
import torch

from tailtune.augment import operations
from tailtune.augment import trivialaugment as ta

TORCHVISION = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "color": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}
LEVELS_APART = {"color": 1, "contrast": 1}  # blends round at the last bit of float32; all others are exact


def pictures(channels, height, width, batch=4):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, channels, 5, 5, generator=generator) * 235
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    x = (smooth + torch.rand(batch, channels, height, width, generator=generator) * 20).to(torch.uint8)
    x[0] = 7  # a constant picture
    return x


def changed(x, choice):
    """Apply to each image the setting at its place in the table."""
    return ta.apply(x, operations.rows_of(ta.settings(), choice[None], x))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (3, 21, 34)])
@pytest.mark.parametrize("operation", ta.OPERATIONS)
def test_every_operation_equals_torchvision(operation, shape):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    reference = v2.TrivialAugmentWide()
    strengths, signed = reference._AUGMENTATION_SPACE[TORCHVISION[operation]]
    values = strengths(ta.BINS, *shape[1:])
    x = pictures(*shape, batch=2)
    for index in range(0, ta.BINS, 1 if shape == (3, 32, 32) else 6):
        for negative in (False, True):
            magnitude = 0.0 if values is None else float(values[index]) * (-1 if signed and negative else 1)
            wanted = torch.stack(
                [
                    reference._apply_image_or_video_transform(
                        image,
                        TORCHVISION[operation],
                        magnitude,
                        interpolation=v2.InterpolationMode.NEAREST,
                        fill=reference._fill,
                    )
                    for image in x
                ]
            )
            out = changed(x, torch.full((len(x),), ta.choice_of(operation, index, negative)))
            apart = (wanted.int() - out.int()).abs()
            assert int(apart.max()) <= LEVELS_APART.get(operation, 0), (index, negative)
            assert float((apart[1:] > 0).float().mean()) < 0.02  # of the picture that is not constant


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_grouped_and_dense_computation_agree(channels):
    x = pictures(channels, 16, 12, batch=200)
    choice = torch.randint(ta.CHOICES, (200,), generator=torch.Generator().manual_seed(1))
    chosen = operations.parameters(ta.settings(), 16, 12, x.device)[choice]
    grouped = operations.grouped(x, chosen, "nearest")
    assert torch.equal(grouped, operations.everywhere(x, chosen, ta.OPERATIONS, "nearest"))
    assert torch.equal(grouped, changed(x, choice))


@pytest.mark.parametrize("operation", ta.OPERATIONS)
def test_a_batch_of_one_image_works(operation):
    x = pictures(3, 8, 8, batch=2)[1:]
    assert changed(x, torch.tensor([ta.choice_of(operation, 15)])).shape == x.shape


def test_images_of_a_batch_do_not_influence_each_other():
    x = pictures(3, 16, 16, batch=40)
    choice = torch.randint(ta.CHOICES, (40,), generator=torch.Generator().manual_seed(2))
    alone = torch.cat([changed(x[i : i + 1], choice[i : i + 1]) for i in range(40)])
    assert int((alone.int() - changed(x, choice).int()).abs().max()) <= 1


def test_colour_leaves_grey_pictures_alone():
    x = pictures(1, 16, 16)
    assert torch.equal(changed(x, torch.full((4,), ta.choice_of("color", 30))), x)


def test_the_input_is_not_changed():
    x = pictures(3, 16, 16, batch=60)
    before = x.clone()
    ta.trivialaugment(x, torch.Generator().manual_seed(3))
    assert torch.equal(x, before)


def test_operations_are_equally_likely():
    choice = ta.choose(86_800, torch.Generator().manual_seed(4), torch.device("cpu"))
    counts = torch.bincount(choice, minlength=ta.CHOICES).double()
    by_operation = counts.view(len(ta.OPERATIONS), -1).sum(1)
    by_strength = counts.view(len(ta.OPERATIONS), ta.BINS, ta.SIGNS).sum((0, 2))
    for observed, bound in ((by_operation, 34.5), (by_strength, 59.7)):  # chi-square at p = 0.001
        expected = 86_800 / len(observed)
        assert float(((observed - expected) ** 2 / expected).sum()) < bound

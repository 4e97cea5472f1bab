import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from tailtune.data.image_preprocessor import ImagePreprocessor, as_nchw
from tailtune.data.rendering import Rendering
from tailtune.errors import TailtuneError

COLOUR = ImagePreprocessor(3, 8, 8, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
GREY = ImagePreprocessor(1, 8, 8, (0.5,), (0.2,))


@given(arrays(np.uint8, st.tuples(st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))))
def test_statistics_equal_numpys(pixels):
    fitted = ImagePreprocessor.fit(torch.from_numpy(pixels))
    np.testing.assert_allclose(fitted.mean, (pixels / 255).mean((0, 2, 3)), atol=1e-12)
    std = (pixels / 255).std((0, 2, 3))
    np.testing.assert_allclose(fitted.std, np.where(std < 1e-12, 1, std), atol=1e-9)


@pytest.mark.parametrize("rendering", [Rendering(), Rendering("pad"), Rendering("crop", (-1024.0, 3071.5))])
def test_state_round_trip_through_json(rendering):
    made = replace(COLOUR, rendering=rendering)
    settings, tensors = made.state()
    assert ImagePreprocessor.from_state(json.loads(json.dumps(settings)), tensors) == made
    assert COLOUR.shape() == {"channels": 3, "height": 8, "width": 8}


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 1, 8, 8)])
def test_the_three_layouts_of_grey_arrays_are_the_same_images(shape):
    flat = np.arange(320, dtype=np.uint8)
    (pixels,) = GREY.encode(flat.reshape(shape))
    assert pixels.dtype == torch.uint8
    assert torch.equal(pixels, torch.from_numpy(flat.reshape(5, 1, 8, 8)))


def test_channels_last_and_channels_first_are_the_same_images():
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    assert torch.equal(COLOUR.encode(images)[0], COLOUR.encode(images.transpose(0, 2, 3, 1))[0])
    assert torch.equal(COLOUR.encode(torch.from_numpy(images))[0], torch.from_numpy(images))


def test_other_sizes_and_colours_are_converted():
    assert COLOUR.encode(np.full((2, 20, 10), 9, dtype=np.uint8))[0].unique().tolist() == [9]
    assert GREY.encode(np.full((2, 20, 10, 3), 9, dtype=np.uint8))[0].shape == (2, 1, 8, 8)


def test_files_and_arrays_encode_alike(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 9, 3), dtype=np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    assert torch.equal(COLOUR.encode(paths)[0], COLOUR.encode(images)[0])


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(TailtuneError, match=r"a\.png is an empty file"):
        COLOUR.encode([tmp_path / "a.png"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 5, 3), np.uint8), "ambiguous"),
        (np.zeros((2, 5, 5, 4), np.uint8), "no axis holds 1 or 3 channels"),
        (np.zeros((2, 5), np.uint8), "must have shape"),
        (np.zeros((0, 5, 5), np.uint8), "holds no pixels"),
        (np.zeros((2, 5, 5)), r"must hold whole values 0\.\.255 \(uint8\), however: float64"),
        (np.full((2, 5, 5), 256), r"however: 256\.\.256"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array, message):
    with pytest.raises(TailtuneError, match=message):
        as_nchw(array, "x")


def test_whole_numbers_of_another_type_are_accepted():
    assert as_nchw(np.full((2, 5, 5), 200), "x").dtype == np.uint8

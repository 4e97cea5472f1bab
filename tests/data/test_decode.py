import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tailtune.data.decode import Header, UnreadableImageError, is_image, read_all, read_header, read_pixels
from tailtune.errors import TailtuneError

rng = np.random.default_rng(0)
RGB = rng.integers(0, 256, (6, 4, 3), dtype=np.uint8)


def saved(path, array, mode=None, **options):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    image.save(path, **options)
    return path


def read(path, channels=3, height=6, width=4):
    return read_pixels(path, path.name, channels, height, width)


def test_rgb_pixels_come_back_as_they_were(tmp_path):
    np.testing.assert_array_equal(read(saved(tmp_path / "a.png", RGB)), RGB.transpose(2, 0, 1))


def test_grey_reads_as_one_channel_or_as_rgb(tmp_path):
    path = saved(tmp_path / "a.png", RGB[..., 0])
    assert read_header(path, "a") == Header(6, 4, grey=True)
    np.testing.assert_array_equal(read(path, channels=1)[0], RGB[..., 0])
    np.testing.assert_array_equal(read(path), np.stack([RGB[..., 0]] * 3))


def test_16_bit_grey_is_scaled_to_8_bits(tmp_path):
    deep = np.array([[0, 128, 129, 65535], [257, 514, 32768, 32639]], dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        path = saved(tmp_path / name, deep)
        assert read_header(path, name).grey
        wanted = np.rint(deep / 257)
        np.testing.assert_array_equal(read(path, 1, 2, 4)[0], wanted)


def test_transparency_is_laid_on_white(tmp_path):
    array = np.zeros((2, 2, 4), dtype=np.uint8)
    array[0, 0] = (10, 20, 30, 255)
    out = read(saved(tmp_path / "a.png", array), height=2, width=2)
    assert out[:, 0, 0].tolist() == [10, 20, 30]
    assert (out[:, 1, 1] == 255).all()


def test_transparent_grey_is_laid_on_white_and_stays_grey(tmp_path):
    array = np.dstack([np.full((2, 2), 40, np.uint8), np.array([[255, 0], [255, 0]], np.uint8)])
    path = saved(tmp_path / "a.png", array)
    assert read_header(path, "a").grey
    assert read(path, 1, 2, 2)[0].tolist() == [[40, 255], [40, 255]]


def test_palette_and_cmyk_become_rgb(tmp_path):
    flat = np.zeros((6, 4, 3), dtype=np.uint8)
    flat[:3] = (204, 0, 102)
    np.testing.assert_array_equal(read(saved(tmp_path / "a.png", flat, "P")), flat.transpose(2, 0, 1))
    red = np.full((6, 4, 3), (255, 0, 0), dtype=np.uint8)
    np.testing.assert_array_equal(read(saved(tmp_path / "a.tif", red, "CMYK")), red.transpose(2, 0, 1))


def test_exif_orientation_turns_the_picture_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise for display
    path = saved(tmp_path / "a.png", RGB, exif=exif)
    assert read_header(path, "a") == Header(4, 6, grey=False)
    upright = np.rot90(RGB, -1).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(path, height=4, width=6), upright)


def test_another_size_is_stretched(tmp_path):
    path = saved(tmp_path / "a.jpg", np.full((300, 400, 3), 77, dtype=np.uint8))
    out = read(path, height=8, width=8)
    assert out.shape == (3, 8, 8)
    assert (abs(out.astype(int) - 77) <= 1).all()


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(
        UnreadableImageError, match=r"image cat/a.png is an empty file \(0 bytes\); .*--skip-bad-images"
    ):
        read_header(tmp_path / "a.png", "cat/a.png")


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(UnreadableImageError, match=r"image cat/a.png is not in an image format"):
        read_header(tmp_path / "a.png", "cat/a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    whole = saved(tmp_path / f"whole{suffix}", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).read_bytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match=r"image cat/a is truncated or damaged \("):
        read_pixels(path, "cat/a", 3, 64, 64)


def test_a_large_picture_is_scaled_down_in_silence_and_a_huge_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = rng.integers(0, 256, (1500, 1000, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", pixels)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, problems = read_all([path], ["cat/a"], 3, 8, 8)
    assert problems == [None]
    np.testing.assert_allclose(found.mean(), pixels.mean(), atol=3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)
    with pytest.raises(UnreadableImageError, match="image cat/a has more than 1 million pixels"):
        read_header(path, "cat/a")


def test_float_and_32_bit_pixels_are_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match="floating-point pixels"):
        read(saved(tmp_path / "a.tif", np.ones((6, 4), dtype=np.float32)))
    with pytest.raises(UnreadableImageError, match="32-bit pixels"):
        read(saved(tmp_path / "b.tif", np.full((6, 4), 70_000, dtype=np.int32)))


def test_a_missing_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(TailtuneError, match=r"there is no image file x\.png"):
        read_header(tmp_path / "x.png", "x.png")


def test_many_images_keep_their_order_and_report_problems_one_by_one(tmp_path):
    paths = [saved(tmp_path / f"{i}.png", np.full((3, 3), i, dtype=np.uint8)) for i in range(20)]
    paths[7].write_bytes(b"")
    pixels, problems = read_all(paths, [path.name for path in paths], 1, 3, 3)
    assert pixels[:, 0, 0, 0].tolist() == [0 if i == 7 else i for i in range(20)]
    assert [i for i, problem in enumerate(problems) if problem] == [7]


def test_image_suffixes():
    assert is_image("a/B.JPEG")
    assert not is_image("a.csv")
    assert not is_image("png")

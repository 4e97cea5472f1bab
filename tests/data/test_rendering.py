"""Proportions are kept as asked, deep grey values keep their range, and all of it is repeated in prediction."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tailtune.data.decode import UnreadableImageError, deep_range, read_header, read_pixels
from tailtune.data.fingerprint import fingerprint
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.images import open_image_folder
from tailtune.data.prediction_images import open_for_prediction
from tailtune.data.rendering import Rendering, Resize, eight_bits, fitted, scaled_size
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

SIDES = st.integers(1, 60)


def wide(path: Path, left: int = 200, right: int = 100) -> Path:
    """A picture of 60 x 30 pixels, whose left third, middle and right third differ."""
    array = np.zeros((30, 60, 3), dtype=np.uint8)
    array[:, :20], array[:, 20:40], array[:, 40:] = left, 150, right
    Image.fromarray(array).save(path)
    return path


def rendered(path: Path, resize: Resize, side: int = 30) -> Any:
    return read_pixels(path, path.name, 3, side, side, Rendering(resize))[0]


def test_pad_keeps_all_of_a_picture_and_adds_black_on_two_sides(tmp_path: Path) -> None:
    found = rendered(wide(tmp_path / "a.png"), "pad")
    assert (found[:7] == 0).all()
    assert (found[23:] == 0).all()
    middle = found[15]
    assert middle[[2, 15, 27]].tolist() == [200, 150, 100]


def test_crop_keeps_the_middle_at_full_height(tmp_path: Path) -> None:
    found = rendered(wide(tmp_path / "a.png"), "crop")
    assert found.min() > 0
    assert found[:, 15].tolist() == [150] * 30
    assert found[0, [0, 29]].tolist() == [200, 100]
    assert (found[0] == 150).sum() >= 19  # as wide as it was, where stretching halves it


def test_stretch_keeps_all_and_halves_the_width(tmp_path: Path) -> None:
    found = rendered(wide(tmp_path / "a.png"), "stretch")
    assert found.min() >= 100
    assert (found[0] == 150).sum() <= 10


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_scaled_picture_fits_in_or_fills_all_and_has_one_true_side(width: int, height: int, w: int, h: int) -> None:
    inside, outside = scaled_size(width, height, (w, h), "pad"), scaled_size(width, height, (w, h), "crop")
    assert inside[0] <= w
    assert inside[1] <= h
    assert outside[0] >= w
    assert outside[1] >= h
    for found in (inside, outside):
        assert found[0] == w or found[1] == h
        assert abs(found[0] * height - found[1] * width) <= max(width, height)  # but for rounding
    assert scaled_size(width, height, (w, h), "stretch") == (w, h)


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@given(width=st.integers(1, 20), height=st.integers(1, 20))
def test_every_size_comes_out_as_asked_and_the_wanted_one_as_it_was(resize: Resize, width: int, height: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert fitted(Image.fromarray(array), 1, 7, 5, resize).shape == (1, 7, 5)
    same = fitted(Image.fromarray(array), 3, height, width, resize)
    np.testing.assert_array_equal(same, array.transpose(2, 0, 1))


def test_a_large_photograph_is_decoded_small_and_in_its_proportions(tmp_path: Path) -> None:
    array = np.zeros((700, 1000, 3), dtype=np.uint8)
    array[:, :500] = 250
    Image.fromarray(array).save(tmp_path / "a.jpg", quality=95)
    found = read_pixels(tmp_path / "a.jpg", "a", 3, 96, 96, Rendering("pad"))[0].astype(int)
    assert abs(found[48, 10] - 250) < 3
    assert found[48, 80] < 3
    assert found[:14].max() == 0
    assert abs(found[16, 10] - 250) < 5


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=40, unique=True))
def test_grey_values_keep_their_order_and_fill_the_range(values: list[int]) -> None:
    found = eight_bits(np.array(values), (min(values), max(values))).astype(int)
    assert found.min() == 0
    assert found.max() == 255
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    exact = (np.array(values) - min(values)) * 255 / (max(values) - min(values))
    assert np.abs(found - exact).max() <= 0.5 + 1e-9


def twelve_bits(folder: Path, seed: int = 0, deep: type = np.uint16) -> Path:
    rng = np.random.default_rng(seed)
    for name, low in (("a", 100), ("b", 2000)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            values = rng.integers(low, low + 2000, (8, 8))
            values[0, 0], values[0, 1] = 100, 4000
            Image.fromarray(values.astype(deep)).save(folder / name / f"{i}.tif")
    return folder


@pytest.mark.parametrize("deep", [np.uint16, np.float32])
def test_twelve_bits_and_floats_keep_their_levels(tmp_path: Path, deep: type) -> None:
    data = open_image_folder(Reading(str(twelve_bits(tmp_path / "deep", deep=deep))))
    pixels = data.train.inputs[0]
    assert len(np.unique(np.asarray(pixels))) > 200  # the sixteen of a division by 257 are far from that
    assert data.preprocessor.rendering == Rendering("pad", (100.0, 4000.0))  # type: ignore[attr-defined]
    assert data.warnings[0] == (
        "12 of 12 images hold grey values of more than 8 bits; 100 to 4,000, the range of those given for training, "
        "became 0 to 255, also in new images."
    )


def test_new_pictures_are_scaled_by_the_range_of_the_training_pictures(tmp_path: Path) -> None:
    data = open_image_folder(Reading(str(twelve_bits(tmp_path / "deep"))))
    assert isinstance(data.preprocessor, ImagePreprocessor)
    Image.fromarray(np.array([[100, 2050], [4000, 5000]], dtype=np.uint16)).resize((8, 8), 0).save(tmp_path / "n.png")
    pixels = open_for_prediction(tmp_path / "n.png", data.preprocessor, data.names)[0][0]
    assert np.unique(np.asarray(pixels)).tolist() == [0, 128, 255]  # what lies beyond is white


def test_pixels_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    folder = twelve_bits(tmp_path / "deep", deep=np.float32)
    Image.fromarray(np.full((8, 8), np.nan, dtype=np.float32)).save(folder / "a" / "0.tif")
    with pytest.raises(UnreadableImageError, match=r"image a/0.tif has pixels that are no finite numbers"):
        open_image_folder(Reading(str(folder)))
    data = open_image_folder(Reading(str(folder), skip_bad_images=True))
    assert "1 of 12 images cannot be read" in data.warnings[-1]


def test_prediction_keeps_proportions_as_training_did(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            wide(tmp_path / name / f"{i}.png")
    made = {
        resize: open_image_folder(Reading(str(tmp_path), image_size=30, resize=resize))
        for resize in ("pad", "crop", "stretch")
    }
    assert len({fingerprint(data).columns for data in made.values()}) == 3
    for resize, data in made.items():
        assert isinstance(data.preprocessor, ImagePreprocessor)
        pixels = np.asarray(open_for_prediction(tmp_path / "a" / "0.png", data.preprocessor, data.names)[0][0])
        np.testing.assert_array_equal(pixels[0, 0], rendered(tmp_path / "a" / "0.png", resize))
    assert "8 of them got black beside them" in made["pad"].warnings[0]
    assert "8 of them lost what stands out on two sides" in made["crop"].warnings[0]
    assert "8 of them were stretched, which distorts shapes" in made["stretch"].warnings[0]
    plain = open_image_folder(Reading(str(tmp_path), image_size=30))
    assert fingerprint(plain) == fingerprint(made["pad"])


def test_scaling_in_proportion_is_not_called_stretching(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            Image.fromarray(np.zeros((350, 500), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    (said,) = open_image_folder(Reading(str(tmp_path))).warnings
    assert said == (
        "8 of 8 images were scaled to 157 x 224 (the commonest size, at most 224 a side; 1 size found), in their "
        "proportions; choose another size with --image-size."
    )


def dicom(monkeypatch: pytest.MonkeyPatch, kind: str = "MONOCHROME2", colours: int = 1) -> None:
    """Stand in for pydicom: a file holds the numbers of an array, which are stored values."""

    class File(SimpleNamespace):
        def get(self, name: str, default: object) -> object:
            return getattr(self, name, default)

    def dcmread(path: Path, stop_before_pixels: bool = False) -> File:
        values = np.load(path)
        size = {"Rows": values.shape[0], "Columns": values.shape[1], "SamplesPerPixel": colours}
        scale = {"RescaleSlope": "2", "RescaleIntercept": "-1000"}
        return File(**size, **scale, PhotometricInterpretation=kind, pixel_array=values)

    monkeypatch.setitem(sys.modules, "pydicom", SimpleNamespace(dcmread=dcmread))  # type: ignore[arg-type]


def stored(path: Path, values: Any) -> Path:
    with path.open("wb") as file:
        np.save(file, values)
    return path


def test_dicom_is_read_in_the_units_of_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dicom(monkeypatch)
    path = stored(tmp_path / "a.dcm", np.array([[0, 1000], [2000, 3000]], dtype=np.int16))
    header = read_header(path, "a")
    assert (header.height, header.width, header.grey, header.deep) == (2, 2, True, True)
    assert deep_range(path, "a") == (-1000.0, 5000.0)
    found = read_pixels(path, "a", 1, 2, 2, Rendering(levels=(-1000.0, 5000.0)))
    assert found[0].tolist() == [[0, 85], [170, 255]]


def test_dicom_whose_small_values_are_white_is_turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dicom(monkeypatch, "MONOCHROME1")
    path = stored(tmp_path / "a.dcm", np.array([[0, 3000]], dtype=np.int16))
    assert read_pixels(path, "a", 1, 1, 2, Rendering(levels=deep_range(path, "a")))[0].tolist() == [[255, 0]]


def test_a_film_of_colours_gives_its_first_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dicom(monkeypatch, "RGB", colours=3)
    film = np.stack([np.full((2, 2, 3), value, dtype=np.uint8) for value in (7, 9)])
    path = stored(tmp_path / "a.dcm", film)
    assert read_pixels(path, "a", 3, 2, 2).tolist() == np.full((3, 2, 2), 7).tolist()


def test_dicom_without_pydicom_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)  # type: ignore[arg-type]
    for name in "ab":
        (tmp_path / name).mkdir()
        stored(tmp_path / name / "0.dcm", np.zeros((2, 2)))
    with pytest.raises(
        TailtuneError, match=r"0.dcm is a DICOM file, and reading it takes pydicom: pip install pydicom"
    ):
        open_image_folder(Reading(str(tmp_path), skip_bad_images=True))


def test_a_damaged_dicom_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dicom(monkeypatch)
    (tmp_path / "a.dcm").write_bytes(b"no picture")
    with pytest.raises(UnreadableImageError, match=r"image cat/a.dcm is truncated or damaged"):
        read_header(tmp_path / "a.dcm", "cat/a.dcm")

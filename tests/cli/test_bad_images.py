"""Images that cannot be read are named; --skip-bad-images counts them; odd but readable ones are handled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, Cli, Refused, picture, write_images
from PIL import Image

FIT = (*SMALL, "--model", "resnet8")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no picture")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def zero_size(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "words"), [(garbage, "format that Pillow can read"), (truncated, "damaged"), (zero_size, "empty file")]
)
def test_a_bad_image_is_named(damage: Callable[[Path], None], words: str, images: Path, refused: Refused) -> None:
    damage(images / "middling" / "007.png")
    line = refused(images, *FIT)
    assert "middling/007.png" in line
    assert words in line
    assert "--skip-bad-images" in line
    assert "middling/007.png" in refused(images, command="inspect")


def test_bad_images_are_skipped_counted_and_named_on_request(images: Path, cli: Cli, tmp_path: Path) -> None:
    for damage, name in ((garbage, "001"), (truncated, "002"), (zero_size, "003")):
        damage(images / "common" / f"{name}.png")
    (images / "notes.txt").write_text("not an image")
    got = cli("fit", images, *FIT, "--skip-bad-images", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert "3 of 102 images cannot be read and are left out." in got.err.splitlines()
    assert "common/002.png" in got.err
    page = (tmp_path / "run" / "report.html").read_text()
    for words in ("common/001.png", "common/002.png", "common/003.png", "notes.txt", "3 of 102 images"):
        assert words in page


def test_a_class_without_readable_images(images: Path, refused: Refused) -> None:
    for path in (images / "rare").iterdir():
        garbage(path)
    assert "class 'rare' has no readable training images" in refused(images, *FIT, "--skip-bad-images")


def test_an_empty_class_folder(images: Path, refused: Refused) -> None:
    (images / "nobody").mkdir()
    line = refused(images, *FIT)
    assert "nobody holds no images" in line
    assert "remove the folder" in line


def test_an_empty_folder(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "nothing").mkdir()
    assert "no class folders" in refused(tmp_path / "nothing", *FIT)


def test_one_class_folder(tmp_path: Path, refused: Refused) -> None:
    assert "one class only ('a')" in refused(write_images(tmp_path / "one", {"a": 9}), *FIT)


def test_a_table_option_for_images(images: Path, refused: Refused) -> None:
    assert "--target label needs a table" in refused(images, *FIT, "--target", "label")


def test_grey_colour_and_transparent_images_mix(images: Path, cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for mode, depth in (("RGB", 3), ("RGBA", 4)):
        pixels = rng.integers(0, 255, (8, 8, depth), dtype=np.uint8)
        Image.fromarray(pixels, mode).save(images / "rare" / f"{mode}.png")
    got = cli("fit", images, *FIT, "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert "102 of 104 images are grey; they became RGB." in got.err.splitlines()


def test_sixteen_bit_images_keep_their_brightness(images: Path, cli: Cli, tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    for path in sorted(images.rglob("*.png")):
        copy = deep / path.relative_to(images)
        copy.parent.mkdir(parents=True, exist_ok=True)
        values = np.asarray(Image.open(path)).astype(np.uint16) * 257
        if path.stem == "000":  # the range of the numbers, by which deep pictures are scaled
            values[0, :2] = 0, 65535
            Image.fromarray((values // 257).astype(np.uint8)).save(path)
        Image.fromarray(values).save(copy)
    assert Image.open(deep / "rare" / "000.png").mode.startswith("I")
    for data, run in ((images, "eight"), (deep, "sixteen")):
        got = cli("fit", data, *FIT, "--out", tmp_path / run)
        assert got.code == 0, got.err
    assert (tmp_path / "eight/metrics.jsonl").read_text().count("\n") == 2
    eight, sixteen = (np.load(tmp_path / run / "predictions.npz")["probabilities"] for run in ("eight", "sixteen"))
    np.testing.assert_array_equal(eight, sixteen)


def test_floating_point_images_without_a_range_are_refused(images: Path, refused: Refused) -> None:
    values = picture(0, 0).astype(np.float32)
    values[0, 0] = np.inf
    Image.fromarray(values).save(images / "rare" / "float.tiff")
    assert "rare/float.tiff has floating-point pixels, whose range is unknown" in refused(images, *FIT)


def test_a_way_of_resizing_that_there_is_not(images: Path, table: Callable[..., Path], cli: Cli) -> None:
    answer = cli("inspect", images, "--resize", "squash")
    assert answer.code == 2
    assert "squash" in answer.err
    answer = cli("inspect", table(), "--target", "label", "--resize", "pad")
    assert answer.code == 2
    assert answer.err == "tailtune: --resize is for images; leave it out for a table\n"


def test_pictures_are_padded_in_fit_and_in_predict_alike(images: Path, cli: Cli, tmp_path: Path) -> None:
    wide = images / "common" / "wide.png"
    Image.fromarray(np.full((10, 40, 3), 90, dtype=np.uint8)).save(wide)
    answer = cli("fit", images, *FIT, "--flip", "True", "--resize", "crop", "--out", tmp_path / "run")
    assert answer.code == 0
    assert "1 of them lost what stands out on two sides" in answer.err
    answer = cli("predict", tmp_path / "run", wide, "--out", tmp_path / "out.csv")
    assert answer.code == 0

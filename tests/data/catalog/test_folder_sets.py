"""CINIC-10, Tiny-ImageNet and EuroSAT: sets whose folders say the class."""

import numpy as np
import pytest
from official_pictures import shows, write_picture

from tailtune.data.catalog import cinic10, eurosat, open_named, tiny_imagenet
from tailtune.data.catalog.listed_files import hold_out
from tailtune.errors import TailtuneError
from tailtune.settings import Run

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
WORDS = {"n02": "goldfish, Carassius auratus", "n01": "crane", "n03": "crane, a machine"}


def right_pixels(part):
    return all(shows(x.numpy(), path) for x, path in zip(part.inputs[0], part.ids.tolist(), strict=True))


@pytest.fixture
def cinic(tmp_path, monkeypatch):
    monkeypatch.setattr(cinic10, "PER_CLASS", 5)
    for part in ("train", "valid", "test"):
        for name in CIFAR:
            for row in range(3):
                write_picture(tmp_path / "CINIC-10" / part / name / f"n0{row}_{part}_{name}.png")
            for row in range(2):
                write_picture(tmp_path / "CINIC-10" / part / name / f"cifar10-{part}-{row}-{name}.png")
    return tmp_path


def test_cinic10_has_its_official_parts(cinic):
    data = open_named("cinic10", Run("cinic10", data_root=str(cinic)))
    assert (data.names, data.headline) == (CIFAR, "accuracy")
    assert [len(part) for part in (data.train, data.val, data.test)] == [50, 50, 50]
    assert all(path.startswith("valid/") for path in data.val.ids)
    for part in (data.train, data.test):
        assert all(data.names[k] in path for k, path in zip(part.targets, part.ids, strict=True))
    assert right_pixels(data.train)


def test_cinic10_at_a_ratio_thins_out_the_training_part_alone(cinic):
    data = open_named("cinic10", Run("cinic10", data_root=str(cinic), ratio=0.2))
    assert (data.profile.counts[0], data.profile.counts[-1]) == (5, 1)
    assert (len(data.val), len(data.test)) == (50, 50)


def test_a_test_part_of_its_own_has_no_published_metric(cinic):
    run = Run("cinic10", data_root=str(cinic), ratio=0.2, test_ratio=0.2)
    assert open_named("cinic10", run).headline is None


def test_cinic10_with_a_picture_too_few_is_refused(cinic):
    next((cinic / "CINIC-10" / "valid" / "bird").iterdir()).unlink()
    with pytest.raises(TailtuneError, match=r"valid has 4 images of class 2 where CINIC-10 has 5"):
        open_named("cinic10", Run("cinic10", data_root=str(cinic)))


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    for name, value in (("CLASSES", 3), ("PER_CLASS", 4), ("TEST_PER_CLASS", 2)):
        monkeypatch.setattr(tiny_imagenet, name, value)
    root = tmp_path / "tiny-imagenet-200"
    for number in WORDS:
        for row in range(4):
            write_picture(root / "train" / number / "images" / f"{number}_{row}.JPEG")
        (root / "train" / number / f"{number}_boxes.txt").write_text("n01_0.JPEG\t0\t0\t8\t8\n")
    lines = []
    for row in range(6):
        write_picture(root / "val" / "images" / f"val_{row}.JPEG")
        lines.append(f"val_{row}.JPEG\tn0{row % 3 + 1}\t0\t0\t8\t8\n")
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    write_picture(root / "test" / "images" / "test_0.JPEG")
    (root / "wnids.txt").write_text("\n".join(WORDS) + "\n")
    more = {**WORDS, "n99": "of no class here"}
    (root / "words.txt").write_text("".join(f"{number}\t{words}\n" for number, words in more.items()))
    return tmp_path


def test_tiny_imagenet_is_tested_on_its_validation_pictures(tiny):
    data = open_named("tiny_imagenet", Run("tiny_imagenet", data_root=str(tiny), selection="last"))
    assert data.names == ("crane (n01)", "goldfish", "crane (n03)")
    assert (data.profile.counts, data.headline) == ((4, 4, 4), "accuracy")
    assert data.test.ids.tolist() == [f"val/images/val_{row}.JPEG" for row in range(6)]
    assert data.test.targets.tolist() == [0, 1, 2, 0, 1, 2]
    assert all(f"n0{int(k) + 1}" in path for k, path in zip(data.train.targets, data.train.ids, strict=True))
    assert right_pixels(data.train)
    assert right_pixels(data.test)


def test_tiny_imagenet_takes_a_ratio(tiny):
    data = open_named("tiny_imagenet", Run("tiny_imagenet", data_root=str(tiny), selection="last", ratio=0.25))
    assert data.profile.counts == (4, 2, 1)


def test_tiny_imagenet_with_other_labels_is_refused(tiny):
    labels = tiny / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    text = labels.read_text()
    labels.write_text(text.replace("n02", "n01"))
    with pytest.raises(TailtuneError, match=r"val_annotations\.txt has 4 images of class 0 where Tiny-ImageNet has 2"):
        open_named("tiny_imagenet", Run("tiny_imagenet", data_root=str(tiny)))
    labels.write_text(text.replace("n02", "n77"))
    with pytest.raises(TailtuneError, match=r"class 'n77' is not in wnids\.txt"):
        open_named("tiny_imagenet", Run("tiny_imagenet", data_root=str(tiny)))
    (tiny / "tiny-imagenet-200" / "wnids.txt").write_text("n01\n")
    with pytest.raises(TailtuneError, match=r"wnids\.txt has 1 classes instead of 3"):
        open_named("tiny_imagenet", Run("tiny_imagenet", data_root=str(tiny)))


@pytest.fixture
def satellite(monkeypatch):
    counts = {name: 15 if name == "Forest" else 10 for name in eurosat.COUNTS}
    monkeypatch.setattr(eurosat, "COUNTS", counts)

    def write(folder):
        for name, count in counts.items():
            for row in range(1, count + 1):
                write_picture(folder / name / f"{name}_{row}.jpg")

    return write


@pytest.mark.parametrize("folder", ["eurosat/2750", "EuroSAT_RGB"])
def test_eurosat_is_split_by_the_published_seed(tmp_path, satellite, folder):
    satellite(tmp_path / folder)
    run = Run("eurosat", data_root=str(tmp_path), selection="last")
    data = open_named("eurosat", run)
    # image folders are read in sorted order: AnnualCrop_1, AnnualCrop_10, AnnualCrop_2, ...
    paths = [f"{name}/{name}_{row}.jpg" for name in data.names for row in range(1, 16 if name == "Forest" else 11)]
    paths = sorted(paths)
    _, test = hold_out(np.array([data.names.index(path.split("/")[0]) for path in paths]), 0.2, 42)
    assert data.test.ids.tolist() == [paths[row] for row in test]
    assert data.profile.counts == (8, 12, *[8] * 8)
    assert np.bincount(data.test.targets).tolist() == [2, 3, *[2] * 8]
    assert (data.split, data.headline, right_pixels(data.test)) == ("official", "accuracy", True)


def test_eurosat_takes_no_ratio_and_no_other_folder(tmp_path, satellite):
    satellite(tmp_path / "2750")
    with pytest.raises(TailtuneError, match="--ratio makes a named image data set long-tailed"):
        open_named("eurosat", Run("eurosat", data_root=str(tmp_path), ratio=0.1))
    write_picture(tmp_path / "2750" / "Desert" / "1.jpg")
    with pytest.raises(TailtuneError, match="has the folder Desert, which is none of EuroSAT's classes"):
        open_named("eurosat", Run("eurosat", data_root=str(tmp_path)))


def test_eurosat_is_downloaded_by_torchvision_on_request(tmp_path, satellite, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    asked = []

    def download(root, download):
        asked.append((root, download))
        satellite(root / "eurosat" / "2750")

    monkeypatch.setattr(datasets, "EuroSAT", download)
    with pytest.raises(TailtuneError, match=r"EuroSAT is not in .*eurosat/2750 .*--download"):
        open_named("eurosat", Run("eurosat", data_root=str(tmp_path)))
    for _ in range(2):
        data = open_named("eurosat", Run("eurosat", data_root=str(tmp_path), download=True))
    assert (asked, len(data.test)) == ([(tmp_path, True)], 21)


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")

    def fail(root, download):
        raise RuntimeError("no\nroute")

    monkeypatch.setattr(datasets, "EuroSAT", fail)
    with pytest.raises(TailtuneError, match=r"cannot be downloaded by torchvision \(no route\); unpack EuroSAT\.zip"):
        open_named("eurosat", Run("eurosat", data_root=str(tmp_path), download=True))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("cinic10", ("train, valid, test", "CINIC-10")),
        ("tiny_imagenet", ("words.txt", "val/val_annotations.txt", "tiny-imagenet-200")),
    ],
)
def test_missing_data_says_which_files_go_where(tmp_path, name, files):
    with pytest.raises(TailtuneError) as caught:
        open_named(name, Run(name, data_root=str(tmp_path)))
    assert all(file in str(caught.value) for file in (*files, str(tmp_path)))
    assert "\n" not in str(caught.value)

"""APTOS, SIIM-ISIC, HAM10000 and ImageNet-LT: sets whose tables or lists say the class."""

import csv
import os
import shutil

import numpy as np
import pytest
from official_pictures import shows, write_aptos, write_picture

from tailtune.data.catalog import aptos, ham10000, imagenet_lt, open_named, siim
from tailtune.data.catalog.listed_files import hold_out
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def right_pixels(part):
    return all(shows(x.numpy(), path) for x, path in zip(part.inputs[0], part.ids.tolist(), strict=True))


@pytest.fixture
def retina(tmp_path, monkeypatch):
    monkeypatch.setattr(aptos, "COUNTS", (20, 10, 15, 5, 5))
    monkeypatch.setattr(aptos, "SIDE", 16)
    grades = np.random.default_rng(0).permutation(np.repeat(np.arange(5), (20, 10, 15, 5, 5)))
    return tmp_path, write_aptos(tmp_path / "aptos2019-blindness-detection", grades), grades


def test_aptos_is_split_by_the_published_seed(retina):
    root, names, grades = retina
    data = open_named("aptos", Run("aptos", data_root=str(root), selection="last"))
    _, test = hold_out(grades, 0.2, 414)
    assert data.test.ids.tolist() == [f"train_images/{names[row]}.png" for row in test]
    assert data.test.targets.tolist() == grades[test].tolist()
    assert data.names == ("no DR", "mild", "moderate", "severe", "proliferative DR")
    assert data.profile.counts == (16, 8, 12, 4, 4)
    assert data.headline == "kappa"
    assert data.train.inputs[0].shape[1:] == (3, 16, 16)
    assert right_pixels(data.train)


def test_aptos_with_other_labels_is_refused(retina):
    table = retina[0] / "aptos2019-blindness-detection" / "train.csv"
    text = table.read_text()
    table.write_text(text + "ffff,4\n")
    with pytest.raises(TailtuneError, match=r"train\.csv has 6 images of class 4 where APTOS 2019 has 5"):
        open_named("aptos", Run("aptos", data_root=str(retina[0])))
    table.write_text(text + "ffff,5\n")
    with pytest.raises(TailtuneError, match="diagnosis is '5' in row 56 instead of one of 0, 1, 2, 3, 4"):
        open_named("aptos", Run("aptos", data_root=str(retina[0])))
    table.write_text(text.replace("diagnosis", "grade"))
    with pytest.raises(TailtuneError, match="has no column 'diagnosis'"):
        open_named("aptos", Run("aptos", data_root=str(retina[0])))


PATIENTS_2020 = 30
HEADER = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target,tfrecord"


@pytest.fixture
def skin(tmp_path, monkeypatch):
    """Two pictures a patient, every fifth patient with melanoma, two patients a fold, and one duplicate; 2019 alike."""
    monkeypatch.setattr(siim, "YEAR_2020", siim.Year("SIIM-ISIC 2020", "jpeg-melanoma", 15, (49, 12), True))
    monkeypatch.setattr(siim, "SIDE", 8)
    lines = [HEADER]
    for row in range(2 * PATIENTS_2020):
        patient = row // 2
        sick = int(patient % 5 == 0)
        lines.append(f"ISIC_{row},IP_{patient},male,50,torso,unknown,,{sick},{patient % 15}")
    lines.append("ISIC_60,IP_1,male,50,torso,unknown,benign,0,-1")
    write_year(tmp_path / "jpeg-melanoma-384x384", lines)
    lines = [HEADER, *(f"ISIC_9{row}_downsampled,-1,,,,NV,benign,{int(row % 6 == 0)},{row % 30}" for row in range(60))]
    write_year(tmp_path / "jpeg-isic2019-256x256", lines)
    return str(tmp_path)


def write_year(folder, lines):
    for line in lines[1:]:
        write_picture(folder / "train" / f"{line.split(',')[0]}.jpg")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")


def test_siim_is_tested_on_the_published_folds(skin):
    data = open_named("siim", Run("siim", data_root=skin))
    rows = {
        part: [int(path.split("_")[1][:-4]) for path in getattr(data, part).ids] for part in ("train", "val", "test")
    }
    folds = {part: {row // 2 % 15 for row in found} for part, found in rows.items()}
    assert folds["test"] == {3, 6, 8}  # RandomState(23) keeps the other twelve
    assert not folds["test"] & (folds["train"] | folds["val"])
    assert not {row // 2 for row in rows["train"]} & {row // 2 for row in rows["val"]}
    assert sorted(rows["train"] + rows["val"] + rows["test"]) == list(range(60))  # the duplicate is left out
    assert (data.names, data.headline) == (("benign", "melanoma"), "auroc")
    assert all(int(k) == (row // 2 % 5 == 0) for k, row in zip(data.test.targets, rows["test"], strict=True))
    assert right_pixels(data.train)


def test_2019_comes_behind_2020_with_folds_of_its_own(skin):
    data = open_named("siim_with_2019", Run("siim_with_2019", data_root=skin, selection="last"))
    alone = open_named("siim", Run("siim", data_root=skin, selection="last"))
    first, second = data.test.ids[: len(alone.test)], data.test.ids[len(alone.test) :]
    assert first.tolist() == alone.test.ids.tolist()
    folds = {int(path.split("_")[1][1:]) % 30 for path in second}
    assert folds == {0, 2, 5, 11, 12, 21}  # drawn by the same generator, after those of 2020
    assert (len(data.train), len(data.test), data.headline) == (48 + 48, 12 + 12, "auroc")


def test_siim_without_folds_or_with_others_is_refused(skin):
    table = os.path.join(skin, "jpeg-melanoma-384x384", "train.csv")
    with open(table) as file:
        text = file.read()
    for old, new, why in (
        ("tfrecord", "fold", "has no column 'tfrecord'"),
        (",14\n", ",13\n", "fold 14 of the column tfrecord is empty"),
        (",14\n", ",15\n", "tfrecord is '15' in row 29"),
        (",0,1\n", ",1,1\n", r"has 45 images of class 0 where SIIM-ISIC 2020 has 49"),
    ):
        with open(table, "w") as file:
            file.write(text.replace(old, new))
        with pytest.raises(TailtuneError, match=why):
            open_named("siim", Run("siim", data_root=skin))


def test_siim_with_2019_needs_both(tmp_path, skin):
    shutil.rmtree(tmp_path / "jpeg-isic2019-256x256")
    with pytest.raises(TailtuneError, match=r"ISIC 2019 is not in .*train\.csv, train into .*jpeg-isic2019-256x256"):
        open_named("siim_with_2019", Run("siim_with_2019", data_root=skin))


@pytest.fixture(params=["HAM10000_metadata", "HAM10000_metadata.csv"])
def lesions(tmp_path, monkeypatch, request):
    """Two pictures a lesion, ten lesions a class, one half of the pictures in each folder."""
    monkeypatch.setattr(ham10000, "COUNTS", dict.fromkeys(ham10000.COUNTS, 20))
    lines = ["lesion_id,image_id,dx,dx_type,age,sex,localization"]
    for k, name in enumerate(ham10000.COUNTS):
        for row in range(20 * k, 20 * k + 20):
            write_picture(tmp_path / "ham10000" / f"HAM10000_images_part_{1 + row % 2}" / f"ISIC_{row:07d}.jpg")
            lines.append(f"HAM_{row // 2},ISIC_{row:07d},{name},histo,50.0,male,back")
    (tmp_path / "ham10000" / request.param).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_no_lesion_of_ham10000_is_in_two_parts(lesions):
    data = open_named("ham10000", Run("ham10000", data_root=str(lesions)))
    parts = [{int(path[-11:-4]) // 2 for path in part.ids.tolist()} for part in (data.train, data.val, data.test)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 70
    assert np.bincount(data.test.targets).tolist() == [4] * 7
    assert data.names == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert all(
        int(path[-11:-4]) // 20 == k for k, path in zip(data.train.targets, data.train.ids.tolist(), strict=True)
    )
    assert (data.split, data.headline, right_pixels(data.train)) == ("stratified", "balanced_accuracy", True)
    other = open_named("ham10000", Run("ham10000", data_root=str(lesions), split_seed=1))
    assert other.split_hash != data.split_hash


def test_ham10000_with_a_picture_missing_or_nothing_there(lesions, tmp_path):
    (lesions / "ham10000" / "HAM10000_images_part_2" / "ISIC_0000003.jpg").unlink()
    with pytest.raises(TailtuneError, match=r"1 of 140 images are not in .*, the first is ISIC_0000003"):
        open_named("ham10000", Run("ham10000", data_root=str(lesions)))
    with pytest.raises(TailtuneError, match=r"put HAM10000_metadata and the folders HAM10000_images_part_1 and"):
        open_named("ham10000", Run("ham10000", data_root=str(tmp_path / "elsewhere")))


@pytest.mark.real
def test_ham10000_on_the_real_files():
    root = os.environ["TAILTUNE_DATA"]
    data = open_named("ham10000", Run("ham10000", data_root=root, image_size=16))
    with open(os.path.join(root, "ham10000", "HAM10000_metadata.csv"), newline="") as file:
        rows = {row["image_id"]: row for row in csv.DictReader(file)}
    ids = [[path.split("/")[-1].split(".")[0] for path in part.ids] for part in (data.train, data.val, data.test)]
    lesions = [{rows[name]["lesion_id"] for name in part} for part in ids]
    assert sum(map(len, ids)) == len(rows) == 10_015
    assert sum(map(len, lesions)) == len(set().union(*lesions)) == 7_470
    whole = np.sum([np.bincount(part.targets, minlength=7) for part in (data.train, data.val, data.test)], axis=0)
    assert whole.tolist() == [327, 514, 1099, 115, 1113, 6705, 142]
    share = np.bincount(data.test.targets, minlength=7) / whole
    assert np.abs(share - 0.2).max() < 0.03
    assert all(rows[name]["dx"] == data.names[k] for k, name in zip(data.test.targets, ids[2], strict=True))


@pytest.fixture
def lists(tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet_lt, "CLASSES", 3)
    monkeypatch.setattr(imagenet_lt, "IMAGES", {"train": 9, "val": 3, "test": 6})
    numbers = ("n01", "n02", "n03")
    train = [
        (f"train/{numbers[k]}/{numbers[k]}_{i}.JPEG", k) for k, count in enumerate((5, 3, 1)) for i in range(count)
    ]
    val = [(f"train/{numbers[k]}/{numbers[k]}_9.JPEG", k) for k in range(3)]
    test = [(f"val/{numbers[k]}/ILSVRC2012_val_{k}{i}.JPEG", k) for k in range(3) for i in range(2)]
    (tmp_path / "ImageNet_LT").mkdir()
    for part, rows in (("train", train[::-1]), ("val", val), ("test", test)):
        text = "".join(f"{path} {k}\n" for path, k in rows)
        (tmp_path / "ImageNet_LT" / f"ImageNet_LT_{part}.txt").write_text(text)

    def write(folder):
        for path, _ in (*train, *val, *test):
            write_picture(folder / path)

    return tmp_path, write


@pytest.mark.parametrize("folder", ["ImageNet_LT", "imagenet"])
def test_imagenet_lt_follows_its_lists(lists, folder):
    root, write = lists
    write(root / folder)
    data = open_named("imagenet_lt", Run("imagenet_lt", data_root=str(root)))
    assert (data.names, data.profile.counts) == (("n01", "n02", "n03"), (5, 3, 1))
    assert (len(data.val), len(data.test), data.split, data.headline) == (3, 6, "official", "accuracy")
    assert data.train.ids[0] == "train/n03/n03_0.JPEG"
    assert data.train.targets[0] == 2
    assert right_pixels(data.test)


def test_imagenet_lt_with_another_list_is_refused(lists):
    root, write = lists
    write(root / "imagenet")
    path = root / "ImageNet_LT" / "ImageNet_LT_train.txt"
    text = path.read_text()
    for other, why in (
        (text + "train/n01/x.JPEG 0\n", "has 10 lines instead of 9"),
        (text.replace("_0.JPEG 2", "_0.JPEG 3"), "is not a path in a folder and a class index below 3"),
        (text.replace("_0.JPEG 2", "_0.JPEG"), "is not a path in a folder and a class index below 3"),
        (text.replace("train/n03/n03_0.JPEG 2", "train/n02/n02_0.JPEG 2"), "has training images of 2 folders instead"),
    ):
        path.write_text(other)
        with pytest.raises(TailtuneError, match=why):
            open_named("imagenet_lt", Run("imagenet_lt", data_root=str(root)))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("aptos", ("train.csv", "train_images", "aptos2019")),
        ("siim", ("train.csv", "jpeg-melanoma-256x256")),
        ("imagenet_lt", ("ImageNet_LT_train.txt", "ImageNet_LT_val.txt", "ImageNet_LT_test.txt")),
    ],
)
def test_missing_data_says_which_files_go_where(tmp_path, name, files):
    with pytest.raises(TailtuneError) as caught:
        open_named(name, Run(name, data_root=str(tmp_path)))
    assert all(file in str(caught.value) for file in (*files, str(tmp_path)))
    assert "\n" not in str(caught.value)

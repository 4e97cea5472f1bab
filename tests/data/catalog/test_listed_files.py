import dataclasses

import numpy as np
import pytest
from official_pictures import write_picture

from tailtune.data.catalog.listed_files import Files, Listed, check_counts, files_dataset, find_folder, hold_out
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def listed(root, per_class=10, classes=3, **changes):
    """Pictures a/0.png ... in order of their class, with as many test pictures."""
    targets = np.repeat(np.arange(classes), per_class)
    parts = []
    for part in ("train", "test"):
        paths = np.array([f"{part}/{row}.png" for row in range(len(targets))])
        for path in paths:
            write_picture(root / path)
        parts.append(Files(paths, targets))
    return dataclasses.replace(
        Listed("Made", root, tuple("abcdefgh"[:classes]), parts[0], parts[1], balanced=True), **changes
    )


def test_a_ratio_thins_out_the_training_files_before_they_are_read(tmp_path):
    made = listed(tmp_path)
    data = files_dataset(Run("made", ratio=0.1, selection="last"), made)
    assert data.profile.counts == (10, 3, 1)
    assert (len(data.test), data.source, data.split) == (30, "Made at ratio 0.1", "official")
    again = files_dataset(Run("made", ratio=0.1, selection="last"), made)
    other = files_dataset(Run("made", ratio=0.1, selection="last", split_seed=1), made)
    assert data.split_hash == again.split_hash != other.split_hash


def test_sets_with_class_sizes_of_their_own_refuse_a_ratio(tmp_path):
    with pytest.raises(TailtuneError, match="--ratio makes a named image data set long-tailed"):
        files_dataset(Run("made", ratio=0.1), listed(tmp_path, balanced=False))


def test_the_protocol_gives_the_size_unless_the_user_does(tmp_path):
    made = listed(tmp_path, side=16)
    assert files_dataset(Run("made"), made).train.inputs[0].shape[1:] == (3, 16, 16)
    assert files_dataset(Run("made", image_size=12), made).train.inputs[0].shape[1:] == (3, 12, 12)
    said = files_dataset(Run("made"), made).warnings
    assert "60 of 60 images were scaled to 16 x 16 (the size of the data set's protocol" in said[0]


def test_groups_stay_in_one_part(tmp_path):
    made = listed(tmp_path, per_class=20, balanced=False)
    groups = np.array([f"patient {row // 4}" for row in range(60)])
    made = dataclasses.replace(made, train=dataclasses.replace(made.train, groups=groups))
    data = files_dataset(Run("made", val_fraction=0.3), made)
    patients = [
        {groups[int(path.split("/")[1].split(".")[0])] for path in part.ids.tolist()} for part in (data.train, data.val)
    ]
    assert all(patients)
    assert not patients[0] & patients[1]
    assert (len(data.train) + len(data.val), len(data.test)) == (60, 60)

    alone = files_dataset(Run("made", val_fraction=0.3), dataclasses.replace(made, test=None))
    assert alone.split == "stratified"
    parts = [{groups[int(path[6:-4])] for path in part.ids.tolist()} for part in (alone.train, alone.val, alone.test)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 15


def test_no_validation_part_where_none_is_needed(tmp_path):
    made = listed(tmp_path, balanced=False)
    made = dataclasses.replace(made, train=dataclasses.replace(made.train, groups=np.arange(30).astype(str)))
    assert files_dataset(Run("made", selection="last"), made).val is None


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path):
    made = listed(tmp_path)
    for row in (3, 7):
        (tmp_path / "train" / f"{row}.png").unlink()
    with pytest.raises(TailtuneError, match=r"Made: 2 of 60 images are not there, the first is .*train/3\.png; unpack"):
        files_dataset(Run("made"), made)


def test_a_missing_folder_says_what_to_put_where(tmp_path):
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "labels.csv").touch()
    wanted = ("labels.csv", "images")
    with pytest.raises(TailtuneError, match=r"Made is not in .*: put labels\.csv, images into .*first \(unpack it\)"):
        find_folder(tmp_path, "Made", ("first", "second"), wanted, "unpack it")
    (tmp_path / "second" / "images").mkdir()
    assert find_folder(tmp_path, "Made", ("first", "second"), wanted, "unpack it") == tmp_path / "second"


def test_other_counts_are_refused(tmp_path):
    check_counts("Made", tmp_path, np.array([0, 0, 1]), (2, 1))
    with pytest.raises(TailtuneError, match="has 1 images of class 1 where Made has 2"):
        check_counts("Made", tmp_path, np.array([0, 0, 1]), (2, 2))


def test_the_held_out_rows_are_those_of_the_published_procedure():
    targets = np.random.default_rng(0).integers(0, 5, 200)
    generator = np.random.RandomState(414)
    drawn = []
    for k in range(5):
        places = [row for row, y in enumerate(targets) if y == k]
        drawn += generator.choice(places, int(0.2 * len(places)), replace=False).tolist()
    train, test = hold_out(targets, 0.2, 414)
    assert test.tolist() == sorted(drawn)
    assert sorted([*train.tolist(), *drawn]) == list(range(200))

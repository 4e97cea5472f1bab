"""What a pattern finds in the paths of pictures keeps them together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tailtune.data.group_pattern import groups_of_paths
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Reading


def test_the_first_group_or_the_whole_match() -> None:
    paths = ["cat/p07_1.png", "dog/p07_2.png", "dog/p12-3.png"]
    assert groups_of_paths(r"/(p\d+)[-_](\d)", paths).tolist() == ["p07", "p07", "p12"]
    assert groups_of_paths(r"p\d+", paths).tolist() == ["p07", "p07", "p12"]


def test_parent_is_the_folder_of_the_picture_by_its_name() -> None:
    paths = ["cat/anna/1.png", "dog/anna/2.png", "dog/bob/first/3.png"]
    assert groups_of_paths("parent", paths, skip=1).tolist() == ["anna", "anna", "first"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("p([0-9]+", "is no regular expression"),
        ("x([0-9]+)", "finds no group in 2 of 2 paths, such as 'cat/p1.png'"),
        ("p1(a)?", "finds no group in 2 of 2 paths"),
        ("parent", "2 of 2 pictures lie in none, such as 'cat/p1.png'"),
    ],
)
def test_what_finds_nothing_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(TailtuneError, match=words.replace("(", r"\(").replace("?", r"\?")):
        groups_of_paths(pattern, ["cat/p1.png", "dog/p1.png"], skip=1)


@pytest.mark.parametrize(("pattern", "folders"), [(r"p\d+", False), ("parent", True)])
def test_groups_of_a_folder_stay_in_one_part(tmp_path: Path, pattern: str, folders: bool) -> None:
    for i in range(60):
        name = f"p{i // 3}/{i}.png" if folders else f"p{i // 3}_{i}.png"
        path = tmp_path / ("cat", "dog")[i % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), i, dtype=np.uint8)).save(path)
    dataset = open_dataset(Reading(data=str(tmp_path), group_pattern=pattern))
    groups = [part.groups for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    assert sum(len(set(each.tolist())) for each in groups if each is not None) == 20
    for part, of_part in zip((dataset.train, dataset.val, dataset.test), groups, strict=True):
        assert part is not None
        assert of_part is not None
        assert all(f"/{group}" in path for group, path in zip(of_part.tolist(), part.ids.tolist(), strict=True))


def test_groups_that_given_parts_share_are_said(tmp_path: Path) -> None:
    for part, patients in (("train", range(10)), ("test", range(8, 14))):
        for patient in patients:
            for name in ("cat", "dog"):
                path = tmp_path / part / name / f"p{patient}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((6, 6), 10 * patient, dtype=np.uint8)).save(path)
    dataset = open_dataset(Reading(data=str(tmp_path), group_pattern=r"p\d+"))
    shared = len(np.intersect1d(dataset.train.groups, dataset.test.groups))  # type: ignore[arg-type]
    assert shared > 0
    assert any(f"The test images share {shared} groups with the training images" in said for said in dataset.warnings)

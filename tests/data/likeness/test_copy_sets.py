"""Sets of copies against constructed ones, and what splits make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from smooth_pictures import Pixels, moved, scenes

from tailtune.data.dataset import Dataset
from tailtune.data.likeness.copy_sets import MOST, copy_sets
from tailtune.data.open import open_dataset
from tailtune.settings import Reading


def sets(pictures: Pixels) -> list[int]:
    """The first of its set of each picture."""
    return copy_sets(torch.from_numpy(pictures)).tolist()


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_changed_copies_are_in_one_set_and_all_others_alone(seed: int) -> None:
    x = scenes(60, seed=seed)
    whole, mirrored = moved(x, 0, 0), moved(x, 0, 0)[:5, :, :, ::-1].copy()
    noisy, shifted = moved(x[:5], 0, 0, noise=4), moved(x[2:7], 1, 0)
    made = sets(np.concatenate([whole, whole[:3], mirrored, noisy, shifted]))
    assert made == [*range(60), 0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]


def test_pictures_tie_others_together() -> None:
    x = scenes(50)
    steps = [moved(x[:1], 0, step)[0] for step in range(-4, 5, 2)]  # the first and the last share too little
    made = sets(np.concatenate([moved(x[1:], 0, 0), steps]))
    assert made == [*range(49), *[49] * 5]


def test_a_set_of_very_many_is_none() -> None:
    x = scenes(40)
    many = np.repeat(moved(x[:1], 0, 0), MOST, axis=0)
    assert sets(np.concatenate([many, moved(x[1:], 0, 0)])) == [*[0] * MOST, *range(MOST, MOST + 39)]
    one_more = np.concatenate([many, moved(x, 0, 0)])
    assert sets(one_more) == [*range(len(one_more))]
    among_more = np.concatenate([one_more, moved(scenes(380, seed=1), 0, 0)])
    assert sets(among_more)[: MOST + 1] == [0] * (MOST + 1)


def test_plain_pictures_and_small_ones() -> None:
    flat = np.full((4, 3, 32, 32), 200, dtype=np.uint8)
    assert sets(flat) == [0, 1, 2, 3]
    small = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    assert sets(np.concatenate([small, small[1:]])) == [0, 1, 2, 1, 2]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_few_pictures_are_borne(number: int) -> None:
    assert sets(moved(scenes(2), 0, 0)[:number]) == [*range(number)]


def folder(root: Path, pictures: dict[str, Pixels]) -> str:
    """A folder of pictures by class."""
    for label, pixels in pictures.items():
        (root / label).mkdir(parents=True)
        for number, picture in enumerate(pixels):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / label / f"picture{number}of.png")
    return str(root)


def twice(number: int, seed: int) -> Pixels:
    """Pictures, and each again with noise."""
    x = scenes(number, seed=seed)
    return np.concatenate([moved(x, 0, 0), moved(x, 0, 0, noise=3)])


def place(dataset: Dataset) -> dict[str, str]:
    """The part of each picture."""
    assert dataset.val is not None
    parts = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    return {str(name): part for part, rows in parts.items() for name in rows.ids}


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_copies_stay_in_one_part_of_a_random_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Literal["memory", "disk"]
) -> None:
    monkeypatch.setenv("TAILTUNE_CACHE", str(tmp_path / "cache"))
    pictures = {"a": twice(30, 1), "b": twice(20, 2)}
    dataset = open_dataset(Reading(folder(tmp_path / "of", pictures), split_seed=3, storage=storage))
    found = place(dataset)
    for label, pixels in pictures.items():
        number = len(pixels) // 2
        first = [found[f"{label}/picture{i}of.png"] for i in range(number)]
        assert first == [found[f"{label}/picture{i + number}of.png"] for i in range(number)]
        assert set(first) == {"train", "val", "test"}
    said = " ".join(dataset.warnings)
    assert dataset.copies_together
    assert "100 of 100 images are the same as another one or nearly so; each of their 50 sets stays in one part" in said
    assert "of a group" not in said


def test_a_class_that_is_one_set_is_trained_and_tested_all_the_same(tmp_path: Path) -> None:
    one = np.repeat(moved(scenes(1, seed=9), 0, 0), 12, axis=0)
    dataset = open_dataset(Reading(folder(tmp_path / "of", {"a": twice(20, 1), "b": one})))
    assert dataset.copies_together
    for part in (dataset.train, dataset.test):
        assert any(name.startswith("b/") for name in part.ids.tolist())


def without_copies(root: Path) -> Reading:
    """Every picture is another one."""
    return Reading(folder(root, {"a": moved(scenes(30), 0, 0), "b": moved(scenes(30, seed=1), 0, 0)}))


def with_groups(root: Path) -> Reading:
    """Copies, and groups by name."""
    return Reading(folder(root, {"a": twice(15, 1), "b": twice(15, 2)}), group_pattern=r"picture(\d+)of")


def with_parts(root: Path) -> Reading:
    """Copies, and parts that are given."""
    for part in ("train", "test"):
        folder(root / part, {"a": twice(15, 1), "b": twice(15, 2)})
    return Reading(str(root))


@pytest.mark.parametrize("made", [without_copies, with_groups, with_parts])
def test_where_there_is_nothing_to_keep_or_a_person_has_said_how(
    tmp_path: Path, made: Callable[[Path], Reading]
) -> None:
    dataset = open_dataset(made(tmp_path / "of"))
    assert not dataset.copies_together
    groups: NDArray[np.str_] | None = dataset.train.groups
    assert (groups is None) == (made is not with_groups)
    assert "nearly so" not in " ".join(dataset.warnings)

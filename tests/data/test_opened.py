"""The data set that is kept for the next run: opened once for the same rows, and as it would be opened directly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tailtune import Run
from tailtune.data.catalog.cifar import Layout
from tailtune.data.image_dataset import Images
from tailtune.data.open import open_dataset
from tailtune.data.opened import opened
from tailtune.settings import Reading

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Two classes of a CIFAR-10 of twenty training and five test pictures a class."""

    def read(folder: Path, layout: Layout) -> tuple[tuple[str, ...], Images, Images]:
        parts = []
        for part, per_class in (("train", 20), ("test", 5)):
            targets = np.tile(np.arange(10), per_class)
            ids = np.array([f"{part}/{row}" for row in range(len(targets))])
            parts.append(Images(np.zeros((len(targets), 3, 4, 4), dtype=np.uint8), targets, ids))
        return NAMES, parts[0], parts[1]

    (tmp_path / "cifar-10-batches-bin").mkdir()
    monkeypatch.setattr("tailtune.data.catalog.cifar.read_binary", read)
    return Run("binary_cifar10", data_root=str(tmp_path), classes=("automobile", "truck"), ratio=0.5)


def test_the_classes_that_were_asked_for_are_opened(run: Run) -> None:
    data, direct = opened(run), open_dataset(run)
    assert data.names == direct.names == ("automobile", "truck")
    assert data.split_hash == direct.split_hash


@pytest.mark.parametrize(
    "change",
    [{"classes": ("ship", "frog")}, {"ratio": 0.25}, {"split_seed": 1}, {"val_fraction": 0.3}, {"selection": "last"}],
)
def test_other_rows_are_opened_anew(run: Run, change: dict[str, object]) -> None:
    other = replace(run, **change)  # type: ignore[arg-type]
    assert opened(run).split_hash != opened(other).split_hash
    assert opened(other).split_hash == open_dataset(other).split_hash


@pytest.mark.parametrize("change", [{"method": "erm"}, {"epochs": 1}, {"seed": 1}, {"out": "elsewhere"}])
def test_the_same_rows_are_opened_once(run: Run, change: dict[str, object]) -> None:
    assert opened(run) is opened(replace(run, **change))  # type: ignore[arg-type]


def test_readings_are_kept_as_long_as_there_is_room(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailtune.data.opened._kept", {})
    seeds = [replace(run, split_seed=seed) for seed in range(4)]
    first = [opened(each) for each in seeds]
    assert all(opened(each) is one for each, one in zip(seeds, first, strict=True))
    one = sum(part.inputs[0].nbytes for part in (first[0].train, first[0].val, first[0].test) if part is not None)
    monkeypatch.setattr("tailtune.data.opened.KEPT", 2 * one)
    assert opened(seeds[1]) is first[1]  # which leaves room for the one that was used before it
    assert opened(seeds[3]) is first[3]
    assert opened(seeds[2]) is not first[2]
    monkeypatch.setattr("tailtune.data.opened.KEPT", 0)
    again = opened(seeds[0])
    assert opened(seeds[0]) is again
    assert opened(seeds[2]) is not opened(seeds[0])


@pytest.mark.parametrize("manifest", [False, True])
def test_files_that_have_changed_are_read_again(tmp_path: Path, manifest: bool) -> None:
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "of" / label).mkdir(parents=True)
        for number in range(8):
            picture(rng, tmp_path / "of" / label / f"{number}.png")
    listed = tmp_path / "listed.csv"
    write_lines(listed, ["path,label", *(f"{k}/{i}.png,{k}" for k in "ab" for i in range(8))])
    reading = Reading(str(tmp_path / "of"), manifest=str(listed) if manifest else None, selection="last")
    first = opened(reading)
    assert opened(reading) is first
    picture(rng, tmp_path / "of" / "b" / "8.png")
    if manifest:
        write_lines(listed, [*listed.read_text().splitlines(), "b/8.png,b"])
    assert len(opened(reading).train) + len(opened(reading).test) == 17


def test_a_table_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"{i},{'ab'[i % 3 == 0]}" for i in range(60)]
    write_lines(path, ["x,label", *lines])
    reading = Reading(str(path), target="label", selection="last")
    first = opened(reading)
    assert opened(reading) is first
    write_lines(path, ["x,label", *lines, "7,a", "8,b"])
    assert len(opened(reading).train) + len(opened(reading).test) == 62


def picture(rng: np.random.Generator, path: Path) -> None:
    """A picture of noise."""
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)


def write_lines(path: Path, lines: list[str]) -> None:
    """A text file."""
    path.write_text("\n".join(lines) + "\n")

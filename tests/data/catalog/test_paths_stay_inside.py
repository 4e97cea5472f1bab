"""The lists of a data set name files in its folder, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tailtune.data.catalog.listed_files import Files, Listed, files_dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Reading


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("set/a", "set/b", "secret"):
        (tmp_path / place).mkdir(parents=True)
        for row in range(4):
            Image.new("L", (4, 4), row).save(tmp_path / place / f"{row}.png")
    return tmp_path / "set"


def listed(root: Path, first: str) -> Listed:
    paths = [first, *(f"{name}/{row}.png" for name in "ab" for row in range(1, 4))]
    files = Files(np.array(paths), np.array([0, 0, 0, 0, 1, 1, 1]))
    return Listed("Pictures", root, ("a", "b"), files, files)


def test_paths_inside_are_read(root: Path) -> None:
    assert len(files_dataset(Reading("x"), listed(root, "a/0.png")).test) == 7


@pytest.mark.parametrize(
    "first", ["../secret/0.png", "a/../../secret/0.png", "/etc/hostname", "link/0.png", "a/link.png"]
)
def test_paths_that_lead_out_are_refused(first: str, root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret", target_is_directory=True)
    (root / "a" / "link.png").symlink_to(root.parent / "secret" / "0.png")
    with pytest.raises(TailtuneError, match="leads out of"):
        files_dataset(Reading("x"), listed(root, first))


def test_a_folder_that_is_itself_a_link_is_the_root(root: Path) -> None:
    (root.parent / "here").symlink_to(root, target_is_directory=True)
    assert len(files_dataset(Reading("x"), listed(root.parent / "here", "a/0.png")).train)

"""Tiny-ImageNet: 100,000 training and 10,000 test photographs of 64 x 64 pixels, 200 classes; long-tailed with a ratio.

The files are those of tiny-imagenet-200.zip in data_root/tiny-imagenet-200. The labels of its test pictures were never
published, so the official validation pictures are the test part, as in the literature; validation rows, if wanted, are
split from the training part. Classes stand in the order of their WordNet numbers. Headline metric: accuracy on the
balanced test part.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.listed_files import Files, Listed, check_counts, data_root, files_dataset, find_folder
from tailtune.data.image_listing import every_image
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "Tiny-ImageNet"
FOLDER = "tiny-imagenet-200"
LABELS = "val/val_annotations.txt"
CLASSES, PER_CLASS, TEST_PER_CLASS = 200, 500, 50


def load(reading: Reading) -> Dataset:
    """Read Tiny-ImageNet.

    Args:
        reading: for the folder of the data and the ratio, whose rows are drawn with `split_seed` from the sorted paths.

    Returns:
        The data set, tested on the official validation pictures.

    Raises:
        TailtuneError: files that are missing, too many or not understood, or a ratio outside (0, 1].
    """
    wanted = ("wnids.txt", "words.txt", "train", "val/images", LABELS)
    root = find_folder(data_root(reading), TITLE, (FOLDER,), wanted, f"unpack {FOLDER}.zip there")
    numbers = sorted((root / "wnids.txt").read_text().split())
    if len(numbers) != CLASSES:
        raise TailtuneError(f"{root / 'wnids.txt'} has {len(numbers)} classes instead of {CLASSES}; unpack it again")
    index = {number: k for k, number in enumerate(numbers)}

    train_paths = [f"train/{path}" for path in every_image(root / "train")]
    test_pairs = [line.split("\t")[:2] for line in (root / LABELS).read_text().splitlines() if line]
    train = _files(root, train_paths, [path.split("/")[1] for path in train_paths], index)
    test = _files(root, [f"val/images/{name}" for name, _ in test_pairs], [number for _, number in test_pairs], index)
    check_counts(TITLE, root / "train", train.targets, (PER_CLASS,) * CLASSES)
    check_counts(TITLE, root / LABELS, test.targets, (TEST_PER_CLASS,) * CLASSES)
    return files_dataset(
        reading, Listed(TITLE, root, _names(root, numbers), train, test, balanced=True, headline="accuracy")
    )


def _files(root: Path, paths: list[str], numbers: list[str], index: dict[str, int]) -> Files:
    unknown = next((number for number in numbers if number not in index), None)
    if unknown is not None:
        raise TailtuneError(f"{root}: class {unknown!r} is not in wnids.txt; unpack {FOLDER}.zip again")
    return Files(np.array(paths), np.array([index[number] for number in numbers], dtype=np.int64))


def _names(root: Path, numbers: list[str]) -> tuple[str, ...]:
    """Return each class's first word; where several classes share it, with their WordNet number."""
    words = dict(line.split("\t", 1) for line in (root / "words.txt").read_text().splitlines() if "\t" in line)
    first = [words.get(number, number).split(",")[0].strip() for number in numbers]
    often = Counter(first)
    return tuple(
        word if often[word] == 1 else f"{word} ({number})" for word, number in zip(first, numbers, strict=True)
    )

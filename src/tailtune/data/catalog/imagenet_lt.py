"""ImageNet-LT: 115,846 photographs in 1,000 classes of 1,280 to 5, with 20,000 for validation and 50,000 for test.

The published lists ImageNet_LT_train.txt, ImageNet_LT_val.txt and ImageNet_LT_test.txt lie in data_root/ImageNet_LT;
each line is a path and a class index. The paths lead to ImageNet's own pictures, below the same folder or below
data_root/imagenet (train/n01440764/..., val/...). Classes are called by the WordNet numbers of their training folders.
The pictures are kept at one size: choose one with --image-size. At 224 pixels they are 28 GB; what does not fit in
memory is kept in a file, see --storage. Headline metric: accuracy, also of the many (over 100), medium (20 to 100) and
few classes.

Source: Liu et al. 2019, "Large-Scale Long-Tailed Recognition in an Open World".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.listed_files import Files, Listed, data_root, files_dataset, find_folder
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "ImageNet-LT"
IMAGES = {"train": 115_846, "val": 20_000, "test": 50_000}
CLASSES = 1000


def load(reading: Reading) -> Dataset:
    """Read ImageNet-LT by its list files.

    Args:
        reading: for the folder of the data, the size and the selection.

    Returns:
        The data set with the official validation and test part.

    Raises:
        TailtuneError: files that are missing, lists of another length or form than the published ones, more pixels
            than memory or disk, or a ratio.
    """
    names = {part: f"ImageNet_LT_{part}.txt" for part in IMAGES}
    how = "the published lists, and ImageNet's folders train and val beside them or in data_root/imagenet"
    lists = find_folder(
        data_root(reading), TITLE, ("ImageNet_LT", "imagenet_lt", "imagenet"), tuple(names.values()), how
    )
    parts = {part: _files(lists / name, IMAGES[part]) for part, name in names.items()}
    train = parts["train"]
    root = next(
        (place for place in (lists, data_root(reading) / "imagenet") if (place / str(train.paths[0])).exists()), lists
    )
    classes = {int(k): str(path).split("/")[-2] for path, k in zip(train.paths[::-1], train.targets[::-1], strict=True)}
    if len(set(classes.values())) != CLASSES:
        raise TailtuneError(
            f"{lists / names['train']} has training images of {len(set(classes.values()))} folders instead of "
            f"{CLASSES}, one a class; take the published list"
        )
    in_order = tuple(classes[k] for k in range(CLASSES))
    return files_dataset(
        reading, Listed(TITLE, root, in_order, train, parts["test"], parts["val"], headline="accuracy")
    )


def _files(path: Path, count: int) -> Files:
    """Read a list file.

    Raises:
        TailtuneError: another number of lines, or a line that is no path with a class index.
    """
    rows = [line.rsplit(maxsplit=1) for line in path.read_text().splitlines() if line.strip()]
    if len(rows) != count:
        raise TailtuneError(f"{path} has {len(rows)} lines instead of {count}; take the published list")
    for row in rows:
        if len(row) != 2 or not row[1].isdecimal() or int(row[1]) >= CLASSES or row[0].count("/") < 1:
            raise TailtuneError(
                f"{path}: the line {' '.join(row)!r} is not a path in a folder and a class index below {CLASSES}; take "
                "the published list"
            )
    return Files(np.array([name for name, _ in rows]), np.array([int(k) for _, k in rows], dtype=np.int64))

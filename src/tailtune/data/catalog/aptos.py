"""APTOS 2019: 3,662 photographs of the retina in 5 grades of diabetic retinopathy, imbalanced by itself.

The files are those of the competition: train.csv and train_images/, in data_root/aptos2019. The labels of its test
pictures were never published, so the split is the transfer literature's: 20 % of every class, drawn with seed 414, are
the test part. Pictures become 256 x 256 pixels as there, stretched, not cropped. The grades are ordered, headline
metric: quadratic-weighted kappa ("kappa" in result.json).

Source: the split: Fang et al. 2023, "Does progress on ImageNet transfer to real-world datasets?".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.label_table import class_indices, columns
from tailtune.data.catalog.listed_files import (
    Files,
    Listed,
    check_counts,
    data_root,
    files_dataset,
    find_folder,
    hold_out,
)

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "APTOS 2019"
FOLDERS = ("aptos2019", "aptos2019-blindness-detection")
NAMES = ("no DR", "mild", "moderate", "severe", "proliferative DR")
COUNTS = (1805, 370, 999, 193, 295)
TEST_SHARE, SEED, SIDE = 0.2, 414, 256


def load(reading: Reading) -> Dataset:
    """Read APTOS 2019.

    Args:
        reading: for the folder of the data, the size, the selection, and the seed of the split of validation rows.

    Returns:
        The data set with the literature's test part; classes stand in the order of severity.

    Raises:
        TailtuneError: files that are missing or differ from the official ones, or a ratio.
    """
    how = "the files of the competition aptos2019-blindness-detection"
    root = find_folder(data_root(reading), TITLE, FOLDERS, ("train.csv", "train_images"), how)
    ids, grades = columns(root / "train.csv", "id_code", "diagnosis")
    targets = class_indices(root / "train.csv", "diagnosis", grades, tuple("01234"))
    check_counts(TITLE, root / "train.csv", targets, COUNTS)
    files = Files(np.array([f"train_images/{name}.png" for name in ids]), targets)
    train, test = hold_out(targets, TEST_SHARE, SEED)
    return files_dataset(
        reading, Listed(TITLE, root, NAMES, files.take(train), files.take(test), side=SIDE, headline="kappa")
    )

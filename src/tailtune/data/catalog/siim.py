"""SIIM-ISIC 2020: 33,126 photographs of skin lesions, melanoma (1.8 %) or benign, imbalanced by itself.

Read are the published JPEG editions of the competition's pictures: train.csv and train/ in
data_root/jpeg-melanoma-256x256 (or 384x384, 512x512, 768x768, 1024x1024). Their column tfrecord numbers 15 folds that
keep a patient's pictures together, -1 marks duplicates, which are left out. As in the transfer literature 20 % of the
folds, drawn with seed 23, are the test part; validation rows are split from the others by patient. Pictures become
256 x 256 pixels. Headline metric: AUROC. `siim_with_2019` adds the pictures of ISIC 2019.

Source: the split: Fang et al. 2023, "Does progress on ImageNet transfer to real-world datasets?".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.label_table import class_indices, columns
from tailtune.data.catalog.listed_files import Files, Listed, check_counts, data_root, files_dataset, find_folder
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

NAMES = ("benign", "melanoma")
SIDES = (256, 384, 512, 768, 1024)
TRAIN_SHARE, SEED, SIDE = 0.8, 23, 256


@dataclass(frozen=True)
class Year:
    """The pictures of one challenge.

    Attributes:
        title: for messages.
        folder: name of the published edition, before its size.
        folds: that its tfrecord column numbers.
        counts: benign pictures and melanomas, duplicates included; None if not checked.
        patients: whether its table names them.
    """

    title: str
    folder: str
    folds: int
    counts: tuple[int, int] | None
    patients: bool


YEAR_2020 = Year("SIIM-ISIC 2020", "jpeg-melanoma", 15, (32_542, 584), patients=True)
YEAR_2019 = Year("ISIC 2019", "jpeg-isic2019", 30, None, patients=False)


def load(reading: Reading) -> Dataset:
    """Read the pictures of 2020.

    Args:
        reading: for the folder of the data, the size, the selection, and the seed of the split of validation rows.

    Returns:
        The data set with the literature's test part.

    Raises:
        TailtuneError: see `load_years`.
    """
    return load_years(reading, YEAR_2020.title, (YEAR_2020,))


def load_years(reading: Reading, title: str, years: tuple[Year, ...]) -> Dataset:
    """Read the pictures of several challenges as one data set.

    Args:
        reading: as for `load`.
        title: of the data set.
        years: in the order in which their folds are drawn.

    Returns:
        The data set with the literature's test part.

    Raises:
        TailtuneError: files that are missing or differ from the published ones, or a ratio.
    """
    root = data_root(reading)
    generator = np.random.RandomState(SEED)  # one for all years: the folds of the second depend on those of the first
    train, test = [], []
    for year in years:
        files, folds = _read(root, year)
        kept = generator.choice(year.folds, int(TRAIN_SHARE * year.folds), replace=False)
        train.append(files.take(np.flatnonzero(np.isin(folds, kept))))
        test.append(files.take(np.flatnonzero(~np.isin(folds, kept) & (folds >= 0))))
    return files_dataset(
        reading, Listed(title, root, NAMES, _joined(train), _joined(test), side=SIDE, headline="auroc")
    )


def _read(root: Path, year: Year) -> tuple[Files, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return all pictures of a year and their folds [N].

    Raises:
        TailtuneError: files that are missing or differ from the published ones.
    """
    folders = tuple(f"{year.folder}-{side}x{side}" for side in SIDES)
    how = "the JPEG edition with folds of the challenge's pictures, in any of the sizes " + ", ".join(map(str, SIDES))
    table = find_folder(root, year.title, folders, ("train.csv", "train"), how) / "train.csv"
    names, labels, tfrecords = columns(table, "image_name", "target", "tfrecord")
    targets = class_indices(table, "target", labels, ("0", "1"))
    if year.counts is not None:
        check_counts(year.title, table, targets, year.counts)
    codes = ("-1", *map(str, range(year.folds)))
    folds = class_indices(table, "tfrecord", tfrecords, codes) - 1
    empty = np.setdiff1d(np.arange(year.folds), folds)
    if len(empty):
        raise TailtuneError(f"{table}: fold {empty[0]} of the column tfrecord is empty; take the published file")
    groups = columns(table, "patient_id")[0] if year.patients else names
    paths = [f"{table.parent.name}/train/{name}.jpg" for name in names]
    return Files(np.array(paths), targets, np.array(groups)), folds


def _joined(several: list[Files]) -> Files:
    return Files(
        np.concatenate([files.paths for files in several]),
        np.concatenate([files.targets for files in several]),
        np.concatenate([files.groups for files in several if files.groups is not None]),
    )

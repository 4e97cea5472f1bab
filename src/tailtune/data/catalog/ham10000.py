"""HAM10000: 10,015 dermatoscopic photographs of 7,470 skin lesions in 7 classes, imbalanced by itself.

The files are those of the Dataverse: HAM10000_metadata (or .csv) and the pictures in HAM10000_images_part_1 and
HAM10000_images_part_2, or all of them in images, in data_root/ham10000. Many lesions have several pictures, so that all
parts are split by lesion and stratified by class; the official test pictures of ISIC 2018 are not used. Headline
metric: balanced accuracy, the one of that challenge.

Source: Tschandl et al. 2018, "The HAM10000 dataset".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.label_table import class_indices, columns
from tailtune.data.catalog.listed_files import Files, Listed, check_counts, data_root, files_dataset
from tailtune.data.image_listing import every_image
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "HAM10000"
METADATA = ("HAM10000_metadata", "HAM10000_metadata.csv")
IMAGES = ("HAM10000_images_part_1", "HAM10000_images_part_2", "images")
COUNTS = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}


def load(reading: Reading) -> Dataset:
    """Read HAM10000.

    Args:
        reading: for the folder of the data, the size, the fractions, the selection, and the seed of the split by
            lesion.

    Returns:
        The data set; no lesion is in two parts.

    Raises:
        TailtuneError: files that are missing or differ from the official ones, or a ratio.
    """
    root = data_root(reading) / "ham10000"
    tables = [root / name for name in METADATA if (root / name).is_file()]
    folders = [name for name in IMAGES if (root / name).is_dir()]
    if not tables or not folders:
        raise TailtuneError(
            f"{TITLE} is not in {root}: put {METADATA[0]} and the folders {IMAGES[0]} and {IMAGES[1]} there (the files "
            "of its Dataverse, unpacked)"
        )
    table = tables[0]
    ids, labels, lesions = columns(table, "image_id", "dx", "lesion_id")
    targets = class_indices(table, "dx", labels, tuple(COUNTS))
    check_counts(TITLE, table, targets, tuple(COUNTS.values()))
    places = {Path(path).stem: f"{folder}/{path}" for folder in folders for path in every_image(root / folder)}
    lacking = [name for name in ids if name not in places]
    if lacking:
        raise TailtuneError(
            f"{TITLE}: {len(lacking)} of {len(ids)} images are not in {root}, the first is {lacking[0]}; unpack both "
            "archives of pictures there"
        )
    files = Files(np.array([places[name] for name in ids]), targets, np.array(lesions))
    return files_dataset(reading, Listed(TITLE, root, tuple(COUNTS), files, test=None, headline="balanced_accuracy"))

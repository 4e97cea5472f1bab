"""CINIC-10: 90,000 training, 90,000 validation and 90,000 test photographs of 32 x 32 pixels; long-tailed with a ratio.

CIFAR-10's ten classes with pictures of ImageNet besides CIFAR's own: train/, valid/ and test/ with one folder of PNGs a
class, in data_root/CINIC-10. The three parts are the official ones, 9,000 pictures a class each; a ratio thins out the
training part only. Headline metric: accuracy on the balanced test part, as for CIFAR-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.listed_files import Files, Listed, check_counts, data_root, files_dataset, find_folder
from tailtune.data.image_listing import list_images

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "CINIC-10"
PARTS = ("train", "valid", "test")
PER_CLASS = 9000  # in each part


def load(reading: Reading) -> Dataset:
    """Read CINIC-10 with its official parts.

    Args:
        reading: for the folder of the data and the ratio, whose rows are drawn with `split_seed` from the sorted paths.

    Returns:
        The data set.

    Raises:
        TailtuneError: files that are missing or too many, or a ratio outside (0, 1].
    """
    root = find_folder(
        data_root(reading), TITLE, ("CINIC-10", "cinic10", "cinic-10"), PARTS, "unpack CINIC-10.tar.gz there"
    )
    listing = list_images(root)
    index = {name: k for k, name in enumerate(listing.names)}
    parts = {}
    for part, pairs in listing.files.items():
        targets = np.array([index[name] for _, name in pairs], dtype=np.int64)
        check_counts(TITLE, root / part.replace("val", "valid"), targets, (PER_CLASS,) * len(index))
        parts[part] = Files(np.array([path for path, _ in pairs]), targets)
    return files_dataset(
        reading,
        Listed(
            TITLE, root, listing.names, parts["train"], parts["test"], parts["val"], balanced=True, headline="accuracy"
        ),
    )

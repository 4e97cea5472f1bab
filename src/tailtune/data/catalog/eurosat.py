"""EuroSAT: 27,000 satellite pictures (RGB) of 64 x 64 pixels in 10 kinds of land use, nearly balanced.

The files are those of EuroSAT.zip (folder 2750), which torchvision downloads, or of EuroSAT_RGB.zip, the same pictures.
The split is the transfer literature's: 20 % of every class, drawn with seed 42, are the test part. That protocol
enlarges the pictures to 224 pixels: --image-size 224. Headline metric: accuracy.

Source: Helber et al. 2019, "EuroSAT"; the split: Fang et al. 2023.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.catalog.listed_files import (
    Files,
    Listed,
    check_counts,
    data_root,
    files_dataset,
    find_folder,
    hold_out,
)
from tailtune.data.image_listing import list_images
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

TITLE = "EuroSAT"
FOLDERS = ("eurosat/2750", "EuroSAT_RGB", "2750")
COUNTS = {
    "AnnualCrop": 3000,
    "Forest": 3000,
    "HerbaceousVegetation": 3000,
    "Highway": 2500,
    "Industrial": 2500,
    "Pasture": 2000,
    "PermanentCrop": 2500,
    "Residential": 3000,
    "River": 2500,
    "SeaLake": 3000,
}
TEST_SHARE, SEED = 0.2, 42


def load(reading: Reading) -> Dataset:
    """Read EuroSAT, or download it first if `reading.download`.

    Args:
        reading: for the folder of the data, the selection, and the seed of the split of validation rows.

    Returns:
        The data set with the literature's test part.

    Raises:
        TailtuneError: files that are missing or too many, a download that fails, or a ratio.
    """
    root = data_root(reading)
    if reading.download and not any((root / folder).is_dir() for folder in FOLDERS):
        _download(root)
    how = "unpack EuroSAT.zip of its authors there, or let it be downloaded with --download"
    folder = find_folder(root, TITLE, FOLDERS, tuple(COUNTS), how)
    listing = list_images(folder)
    index = {name: k for k, name in enumerate(listing.names)}
    if set(index) != set(COUNTS):
        extra = sorted(set(index) - set(COUNTS))
        raise TailtuneError(f"{folder} has the folder {extra[0]}, which is none of EuroSAT's classes; take it away")
    pairs = listing.files["train"]
    files = Files(np.array([path for path, _ in pairs]), np.array([index[name] for _, name in pairs], dtype=np.int64))
    check_counts(TITLE, folder, files.targets, [COUNTS[name] for name in listing.names])
    train, test = hold_out(files.targets, TEST_SHARE, SEED)
    return files_dataset(
        reading, Listed(TITLE, folder, listing.names, files.take(train), files.take(test), headline="accuracy")
    )


def _download(root: Path) -> None:
    """Let torchvision download the archive, compare its md5 and unpack it.

    Raises:
        TailtuneError: no torchvision, or a download that fails.
    """
    try:
        from torchvision import datasets
    except ModuleNotFoundError as error:
        raise TailtuneError(
            "EuroSAT is downloaded by torchvision; install it with: pip install tailtune[app]"
        ) from error
    try:
        datasets.EuroSAT(root, download=True)
    except (RuntimeError, OSError) as error:
        problem = " ".join(str(error).split())
        raise TailtuneError(
            f"EuroSAT cannot be downloaded by torchvision ({problem}); unpack EuroSAT.zip into {root / 'eurosat'}"
        ) from error

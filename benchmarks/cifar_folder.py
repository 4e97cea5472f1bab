"""Write long-tailed CIFAR-10 as a folder of PNG pictures, as a user would have it: train/CLASS/*.png, test/CLASS/*.png.

    TAILTUNE_DATA=FOLDER python benchmarks/cifar_folder.py PICTURES [--ratio 0.01]

train/ holds the canonical long tail (12,406 pictures at ratio 0.01), test/ the 10,000 official test pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from tailtune.data.catalog import open_named
from tailtune.data.dataset import Part
from tailtune.settings import Run


def write(part: Part, names: tuple[str, ...], folder: Path) -> None:
    """Write each picture of `part` into the folder of its class."""
    pixels, targets = part.inputs[0].numpy(), part.targets.numpy()
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i, (picture, target) in enumerate(zip(pixels, targets, strict=True)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / names[target] / f"{i:05d}.png", compress_level=1)


def main() -> None:
    """Read CIFAR-10 and write both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ratio", type=float, default=0.01)
    options = parser.parse_args()
    dataset = open_named("cifar10", Run(data="cifar10", ratio=options.ratio, selection="last"))
    write(dataset.train, dataset.names, options.out / "train")
    write(dataset.test, dataset.names, options.out / "test")
    print(f"{len(dataset.train)} training and {len(dataset.test)} test pictures in {options.out}")


if __name__ == "__main__":
    main()

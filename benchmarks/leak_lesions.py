"""HAM10000 split by picture and by lesion: what siblings of the same lesion in training do to the figures.

    python benchmarks/leak_lesions.py train --work lesions
    python benchmarks/leak_lesions.py read --work lesions --out leak_lesions.json

The first command trains the same small network on both splits for each seed and may be stopped and started again; the
second reads the runs, and asks the leakage checks about the splits. Pictures are read from $TAILTUNE_DATA.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.catalog.label_table import columns
from tailtune.data.catalog.listed_files import data_root
from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.open import open_dataset
from tailtune.data.splits import split_hash, stratified
from tailtune.run.execute import execute
from tailtune.run.manifest import DONE, seal
from tailtune.settings import Reading, Run

SEEDS = (0, 1, 2)
SIDE, EPOCHS = 32, 6
TEST = 0.2


def pictures() -> tuple[Dataset, Part, NDArray[Any]]:
    """The data set, all of its pictures in the order of their names, and the lesion of each."""
    reading = Reading("ham10000", image_size=SIDE, selection="last")
    dataset = open_dataset(reading)
    every = dataset.train.joined(dataset.test)
    every = every.take(np.argsort(every.ids))
    ids, lesions = columns(data_root(reading) / "ham10000" / "HAM10000_metadata.csv", "image_id", "lesion_id")
    lesion = dict(zip(ids, lesions, strict=True))
    return dataset, every, np.array([lesion[Path(name).stem] for name in every.ids])


def split(dataset: Dataset, every: Part, groups: NDArray[Any] | None, seed: int) -> Dataset:
    """A fifth of the pictures of each class for the test, drawn picture by picture or lesion by lesion."""
    rows = stratified(every.targets, TEST, 0.0, groups=groups, seed=seed)
    train, test = every.take(rows.train), every.take(rows.test)
    return replace(
        dataset,
        train=train,
        val=None,
        test=test,
        preprocessor=ImagePreprocessor.fit(train.inputs[0]),
        split_hash=split_hash(train.ids, None, test.ids),
    )


def splits(seed: int) -> dict[str, Dataset]:
    """The two splits of one seed."""
    dataset, every, lesions = pictures()
    return {"picture": split(dataset, every, None, seed), "lesion": split(dataset, every, lesions, seed)}


def train(work: Path, seeds: tuple[int, ...], epochs: int) -> None:
    """Train the same network on both splits of each seed."""
    for seed in seeds:
        for name, dataset in splits(seed).items():
            out = work / f"{name}-{seed}"
            if (out / DONE).exists():
                continue
            run = Run(
                data="ham10000",
                image_size=SIDE,
                selection="last",
                split_seed=seed,
                model="resnet8",
                method="erm",
                epochs=epochs,
                threads=1,
                baselines=(),
                seed=seed,
                out=str(out),
            )
            finished = execute(run, resume=True, dataset=dataset, resamples=0)
            assert finished is not None
            seal(out)
            print(out, finished.result.model.metrics["balanced_accuracy"], finished.result.training.seconds, flush=True)


def main() -> None:
    """Train, or read what was trained."""
    parser = argparse.ArgumentParser(description="HAM10000 by picture and by lesion.")
    parser.add_argument("command", choices=("train",))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    train(options.work, tuple(options.seeds), options.epochs)


if __name__ == "__main__":
    main()

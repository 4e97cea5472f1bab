"""HAM10000 split by picture and by lesion: what siblings of the same lesion in training do to the figures.

    python benchmarks/leak_lesions.py train --model extra-trees --work lesions
    python benchmarks/leak_lesions.py train --model resnet8 --seeds 0 --work lesions
    python benchmarks/leak_lesions.py read --work lesions --out leak_lesions.json

`train` trains the same model on both splits for each seed and may be stopped and started again. Forests are given the
pictures as 8 x 8 colour values, networks as 32 x 32 pixels; the nearest neighbour needs no training. `read` reads the
runs that there are, and what the leakage checks say of the splits. Pictures are read from $TAILTUNE_DATA. Intervals are
percentiles of 1,000 resamples of the lesions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tailtune.data.catalog.label_table import columns
from tailtune.data.catalog.listed_files import data_root
from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.open import open_dataset
from tailtune.data.splits import split_hash, stratified
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.leaks.check import alike_pictures, known_pictures
from tailtune.run.environment import machine, versions
from tailtune.run.execute import execute
from tailtune.run.finished import Finished
from tailtune.run.manifest import DONE, seal
from tailtune.settings import Reading, Run

SIDE, COARSE, TEST = 32, 8, 0.2
SPLITS = ("picture", "lesion")
NEAREST = "nearest neighbour"
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Lesions:
    """All pictures in the order of their names, and the lesion of each."""

    dataset: Dataset
    every: Part
    lesions: NDArray[Any]

    @classmethod
    def read(cls) -> Lesions:
        """Read the data set."""
        reading = Reading("ham10000", image_size=SIDE, selection="last")
        dataset = open_dataset(reading)
        every = dataset.train.joined(dataset.test)
        every = every.take(np.argsort(every.ids))
        ids, lesions = columns(data_root(reading) / "ham10000" / "HAM10000_metadata.csv", "image_id", "lesion_id")
        lesion = dict(zip(ids, lesions, strict=True))
        return cls(dataset, every, np.array([lesion[Path(name).stem] for name in every.ids]))

    def split(self, by: str, seed: int) -> Dataset:
        """A fifth of the pictures of each class for the test, drawn picture by picture or lesion by lesion."""
        groups = self.lesions if by == "lesion" else None
        rows = stratified(self.every.targets, TEST, 0.0, groups=groups, seed=seed)
        train, test = self.every.take(rows.train), self.every.take(rows.test)
        return replace(
            self.dataset,
            train=train,
            val=None,
            test=test,
            preprocessor=ImagePreprocessor.fit(train.inputs[0]),
            split_hash=split_hash(train.ids, None, test.ids),
        )

    def of(self, ids: Sequence[str]) -> NDArray[Any]:
        """The lesions of these pictures."""
        known = dict(zip(self.every.ids.tolist(), self.lesions.tolist(), strict=True))
        return np.array([known[name] for name in ids])


def as_table(run: Run, dataset: Dataset) -> Dataset:
    """The same rows as a table of colour values."""

    def rows(part: Part) -> Rows:
        pixels = part.tensors("a table")[0].float()
        values = torch.nn.functional.adaptive_avg_pool2d(pixels, COARSE).flatten(1).round(decimals=2).numpy()
        frame = pl.DataFrame({f"p{j}": column for j, column in enumerate(values.T)})
        names = np.array(dataset.names)[part.targets.numpy()]
        return Rows(frame.with_columns(pl.Series("dx", names)), part.ids, "HAM10000")

    made = table_dataset(run, "dx", rows(dataset.train), test=rows(dataset.test))
    return replace(made, split_hash=dataset.split_hash)


def train(work: Path, model: str, seeds: Sequence[int], epochs: int) -> None:
    """Train the same model on both splits of each seed."""
    lesions, network = Lesions.read(), model.startswith("resnet")
    for seed in seeds:
        for by in SPLITS:
            out = work / f"{model}-{by}-{seed}"
            if (out / DONE).exists():
                continue
            run = Run(
                data="ham10000",
                image_size=SIDE if network else None,
                target=None if network else "dx",
                selection="last",
                split_seed=seed,
                model=model,
                method="erm",
                epochs=epochs if network else None,
                objective="balanced_accuracy",
                decision="prior",
                threads=1,
                baselines=(),
                seed=seed,
                out=str(out),
            )
            dataset = lesions.split(by, seed)
            finished = execute(run, resume=True, dataset=dataset if network else as_table(run, dataset), resamples=0)
            assert finished is not None
            seal(out)
            print(out, finished.result.model.metrics["balanced_accuracy"], finished.result.training.seconds, flush=True)


@dataclass(frozen=True, eq=False)
class Tested:
    """What a model makes of the test rows: their classes, its answers, and the losses where it has probabilities."""

    ids: NDArray[np.str_]
    targets: NDArray[np.int64]
    answers: NDArray[np.int64]
    losses: NDArray[np.float64] | None
    seconds: float | None = None

    @classmethod
    def of_run(cls, run: Finished) -> Tested:
        """The predictions of a run."""
        made = run.predictions
        given = made.model.probabilities[np.arange(len(made.targets)), made.targets]
        losses = -np.log(np.maximum(given, np.finfo(np.float64).tiny))
        return cls(made.ids, made.targets, made.model.answers, losses, run.result.training.seconds)

    @classmethod
    def of_nearest(cls, dataset: Dataset) -> Tested:
        """The class of the nearest training picture, by 8 x 8 colour values: nothing but memory."""
        train, test = (
            torch.nn.functional.adaptive_avg_pool2d(part.tensors("distances")[0].float(), COARSE).flatten(1)
            for part in (dataset.train, dataset.test)
        )
        nearest = torch.cdist(test - train.mean(0), train - train.mean(0)).argmin(1)
        answers = dataset.train.targets[nearest].numpy()
        return cls(dataset.test.ids, dataset.test.targets.numpy(), answers, None)

    def figures(self, rows: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Balanced accuracy and log loss on all or some of the rows."""
        every = np.ones(len(self.targets), dtype=bool) if rows is None else rows
        right, targets = (self.answers == self.targets)[every], self.targets[every]
        found = {"balanced_accuracy": float(np.mean([right[targets == k].mean() for k in np.unique(targets)]))}
        return found | ({} if self.losses is None else {"log_loss": float(self.losses[every].mean())})

    def resampled(self, lesions: NDArray[Any], seed: int) -> dict[str, NDArray[np.float64]]:
        """The figures of resamples of the lesions of the test rows, by how often each lesion is drawn."""
        _, of_row = np.unique(lesions, return_inverse=True)
        number, classes = int(of_row.max()) + 1, int(self.targets.max()) + 1
        rows, right = np.zeros((number, classes)), np.zeros((number, classes))
        np.add.at(rows, (of_row, self.targets), 1)
        np.add.at(right, (of_row, self.targets), self.answers == self.targets)
        times = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), RESAMPLES).astype(float)
        drawn = times @ rows
        recalls = np.where(drawn > 0, times @ right / np.maximum(drawn, 1), np.nan)
        found = {"balanced_accuracy": np.nanmean(recalls, axis=1)}
        if self.losses is None:
            return found
        return found | {"log_loss": times @ np.bincount(of_row, self.losses) / drawn.sum(axis=1)}


def interval(values: NDArray[np.float64]) -> list[float]:
    """95 % of the values."""
    ends: list[float] = np.round(np.percentile(values, [2.5, 97.5]), 4).tolist()
    return ends


def of_split(lesions: Lesions, dataset: Dataset) -> dict[str, Any]:
    """How many test pictures have a sibling in training, and what the checks find of them."""
    own, others = lesions.of(dataset.test.ids.tolist()), lesions.of(dataset.train.ids.tolist())
    alike = alike_pictures(known_pictures([dataset.train]), dataset.test.inputs[0])
    hit = alike.like >= 0
    return {
        "split_hash": dataset.split_hash,
        "train": len(others),
        "test": len(own),
        "test_pictures_with_a_sibling_in_training": int(np.isin(own, others).sum()),
        "found_nearly_the_same": int(hit.sum()),
        "of_these_of_the_same_lesion": int((own[hit] == others[alike.like[hit]]).sum()),
    }


def read(work: Path, models: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Read what was trained, and what the checks say of the splits."""
    lesions = Lesions.read()
    splits = {(seed, by): lesions.split(by, seed) for seed in seeds for by in SPLITS}
    found: dict[str, Any] = {
        "splits": [{"seed": seed, "by": by} | of_split(lesions, dataset) for (seed, by), dataset in splits.items()]
    }
    found["models"] = []
    for model in models:
        nearest = model == NEAREST
        pairs = [s for s in seeds if nearest or all((work / f"{model}-{by}-{s}" / DONE).exists() for by in SPLITS)]
        if pairs:
            tested = {
                (seed, by): Tested.of_nearest(splits[seed, by])
                if nearest
                else Tested.of_run(Finished(work / f"{model}-{by}-{seed}"))
                for seed in pairs
                for by in SPLITS
            }
            found["models"].append({"model": model, "seeds": pairs} | summary(lesions, splits, tested))
    return found


def summary(
    lesions: Lesions, splits: dict[tuple[int, str], Dataset], tested: dict[tuple[int, str], Tested]
) -> dict[str, Any]:
    """Figures of each split, and the gap between the two, with intervals."""
    rows, draws = [], {}
    for (seed, by), made in tested.items():
        own = lesions.of(made.ids.tolist())
        draws[seed, by] = made.resampled(own, seed)
        line: dict[str, Any] = {"seed": seed, "by": by, "figures": made.figures(), "seconds": made.seconds}
        line["intervals"] = {key: interval(values) for key, values in draws[seed, by].items()}
        if by == "picture":
            sibling = np.isin(own, lesions.of(splits[seed, by].train.ids.tolist()))
            line |= {"with_a_sibling": made.figures(sibling), "without": made.figures(~sibling)}
        rows.append(line)
    gaps = {}
    for key in rows[0]["figures"]:
        mean = {by: float(np.mean([row["figures"][key] for row in rows if row["by"] == by])) for by in SPLITS}
        ends = [np.mean([draw[key] for (_, of), draw in draws.items() if of == by], axis=0) for by in SPLITS]
        gaps[key] = mean | {"gap": mean["picture"] - mean["lesion"], "interval": interval(ends[0] - ends[1])}
    return {"means": gaps, "runs": rows}


def main() -> None:
    """Train, or read what was trained."""
    parser = argparse.ArgumentParser(description="HAM10000 by picture and by lesion.")
    parser.add_argument("command", choices=("train", "read"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", default="extra-trees")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("leak_lesions.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "train":
        train(options.work, options.model, options.seeds, options.epochs)
        return
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    content = about | read(options.work, [NEAREST, "extra-trees", "resnet8"], options.seeds)
    options.out.write_text(json.dumps(content, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

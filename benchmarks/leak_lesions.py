"""HAM10000 split by picture and by lesion: what siblings of the same lesion in training do to the figures.

    python benchmarks/leak_lesions.py train --model extra-trees --work lesions
    python benchmarks/leak_lesions.py train --model resnet8 --seeds 0 --work lesions
    python benchmarks/leak_lesions.py read --work lesions --out leak_lesions.json

`train` trains the same model on both splits for each seed and may be stopped and started again. Forests are given the
pictures as 8 x 8 colour values, networks as 32 x 32 pixels. `read` reads the runs that there are, and what the leakage
checks say of the splits. Pictures are read from $TAILTUNE_DATA. Intervals are percentiles of 1,000 resamples of the
lesions.
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
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.leaks.check import alike_pictures, known_pictures
from tailtune.run.environment import machine, versions
from tailtune.run.execute import execute
from tailtune.run.finished import Finished
from tailtune.run.manifest import DONE, seal
from tailtune.settings import Reading, Run

SIDE, COARSE, TEST = 32, 8, 0.2
SPLITS = ("picture", "lesion")
SHOWN = ("balanced_accuracy", "log_loss")
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


def figures(run: Finished, rows: NDArray[np.int64]) -> dict[str, float | None]:
    """Balanced accuracy and log loss on some of the test rows."""
    made = run.predictions
    measures = [measure for measure in MEASURES if measure.key in SHOWN]
    found = summarise(
        made.targets[rows], made.model.probabilities[rows], run.result.data.profile, measures, made.model.answers[rows]
    )
    return {key: found.metrics[key] for key in SHOWN}


def resampled(run: Finished, lesions: NDArray[Any], seed: int) -> list[dict[str, float | None]]:
    """The figures of resamples of the lesions of the test rows."""
    _, of_row = np.unique(lesions, return_inverse=True)
    order, sizes = np.argsort(of_row, kind="stable"), np.bincount(of_row)
    members = np.split(order, np.cumsum(sizes)[:-1])
    rng = np.random.default_rng(seed)
    return [
        figures(run, np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))]))
        for _ in range(RESAMPLES)
    ]


def interval(values: Sequence[float | None]) -> list[float]:
    """95 % of the values."""
    return np.round(np.percentile(np.array(values, dtype=float), [2.5, 97.5]), 4).tolist()


def read(work: Path, models: Sequence[str]) -> dict[str, Any]:
    """Read what was trained, and what the checks say of the splits."""
    lesions = Lesions.read()
    found: dict[str, Any] = {"splits": [], "models": []}
    siblings: dict[int, NDArray[np.bool_]] = {}
    seeds = sorted({int(path.parent.name.rpartition("-")[2]) for path in work.glob(f"*/{DONE}")})
    for seed in seeds:
        for by in SPLITS:
            dataset = lesions.split(by, seed)
            own, others = lesions.of(dataset.test.ids.tolist()), lesions.of(dataset.train.ids.tolist())
            alike = alike_pictures(known_pictures([dataset.train]), dataset.test.inputs[0])
            hit, sibling = alike.like >= 0, np.isin(own, others)
            true = np.zeros(len(own), dtype=bool)
            true[hit] = own[hit] == others[alike.like[hit]]
            if by == "picture":
                siblings[seed] = sibling
            found["splits"].append(
                {
                    "seed": seed,
                    "by": by,
                    "split_hash": dataset.split_hash,
                    "train": len(others),
                    "test": len(own),
                    "test_pictures_with_a_sibling_in_training": int(sibling.sum()),
                    "found_nearly_the_same": int(hit.sum()),
                    "of_these_of_the_same_lesion": int(true.sum()),
                }
            )
    for model in models:
        pairs = [s for s in seeds if all((work / f"{model}-{by}-{s}" / DONE).exists() for by in SPLITS)]
        if not pairs:
            continue
        draws: dict[str, list[list[dict[str, float | None]]]] = {by: [] for by in SPLITS}
        rows = []
        for seed in pairs:
            for by in SPLITS:
                run = Finished(work / f"{model}-{by}-{seed}")
                every = np.arange(len(run.predictions.targets))
                draws[by].append(resampled(run, lesions.of(run.predictions.ids.tolist()), seed))
                line: dict[str, Any] = {"seed": seed, "by": by, "figures": figures(run, every)}
                line["intervals"] = {key: interval([draw[key] for draw in draws[by][-1]]) for key in SHOWN}
                if by == "picture":
                    line["with_a_sibling"] = figures(run, every[siblings[seed]])
                    line["without"] = figures(run, every[~siblings[seed]])
                line["seconds"] = run.result.training.seconds
                rows.append(line)
        means, gaps = {}, {}
        for key in SHOWN:
            means[key] = {by: np.mean([r["figures"][key] for r in rows if r["by"] == by]) for by in SPLITS}
            apart = [
                np.mean([draws["picture"][s][d][key] - draws["lesion"][s][d][key] for s in range(len(pairs))])
                for d in range(RESAMPLES)
            ]
            gap = means[key]["picture"] - means[key]["lesion"]
            gaps[key] = {"picture_minus_lesion": round(float(gap), 4), "interval": interval(apart)}
        run = Finished(work / f"{model}-picture-{pairs[0]}")
        found["models"].append(
            {
                "model": model,
                "seeds": pairs,
                "settings": {k: v for k, v in asdict(run.run).items() if v not in (None, (), "", False)},
                "means": means,
                "gaps": gaps,
                "runs": rows,
            }
        )
    return found


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
    content = about | read(options.work, ["extra-trees", "resnet8"])
    options.out.write_text(json.dumps(content, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

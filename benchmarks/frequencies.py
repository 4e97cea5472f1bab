"""Which rows choose the frequencies of the periodic embeddings, and whether training moves them: six tables.

    python benchmarks/frequencies.py --data-root FOLDER [--rows 8000] [--seeds 3] [--threads 1]
        [--epochs 30] [--tables adult otto covertype comb smooth digits] [--out benchmarks/frequencies.json]

FOLDER holds what Adult reads, otto/train.csv and covertype/covtype_subset.parquet. Of each table `--rows` training rows
are drawn; two fifths of the rows besides the test part are validation rows, of which one half picks the epoch and the
other is scored. Test rows are never looked at. The seed changes the split as well as the training, which is that of the
tuned recipe, as long as it says unless `--epochs` does. Where two ways of weighing find the same frequencies they share
the training.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from paired import of_arms, over_seeds
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from torch import Tensor

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.models.frequency_scales import frequency_scales
from tailtune.run.learner import Job
from tailtune.run.learners import networks
from tailtune.settings import Run

WEIGHINGS = ("rows", "classes", "both")
MEASURES = ("log_loss", "balanced_accuracy", "rarest_average_precision")


def comb(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six normal columns; class 1 (a third) lies higher in f1 and f2, class 2 (1 %) on multiples of 0.3 in f0."""
    y = rng.choice(3, 30_000, p=[0.66, 0.33, 0.01])
    x = rng.standard_normal((len(y), 6))
    x[y == 1, 1:3] += 1
    x[y == 2, 0] = np.round(x[y == 2, 0] / 0.3) * 0.3 + 0.01 * rng.standard_normal((y == 2).sum())
    return x, y


def smooth(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four classes of two Gaussian clusters each, down to 2 %: nothing in it is fine."""
    x, y = make_classification(
        30_000,
        12,
        n_informative=8,
        n_classes=4,
        weights=[0.8, 0.14, 0.04, 0.02],
        flip_y=0.02,
        random_state=rng.integers(2**31),
    )
    return x, y


def digits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The 64 pixels of scikit-learn's digits as columns, from about 178 rows of 0 down to 18 of 9."""
    x, y = load_digits(return_X_y=True)
    kept = [rng.permutation(np.flatnonzero(y == k))[: int(178 * 0.1 ** (k / 9))] for k in range(10)]
    rows = np.concatenate(kept)
    return x[rows], y[rows]


GENERATED: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "comb": comb,
    "smooth": smooth,
    "digits": digits,
}


def opened(table: str, options: argparse.Namespace, seed: int) -> tuple[Run, Dataset, Dataset]:
    """Return the run, the data to train on and to pick the epoch by, and the same data with a `val` to be scored."""
    root, asked = Path(options.data_root), {"data": table}
    if table in GENERATED:
        x, y = GENERATED[table](np.random.default_rng(seed))
        path = Path(tempfile.mkdtemp()) / f"{table}.npz"
        np.savez(path, x=x, y=y)
        asked = {"data": str(path)}
    elif table == "otto":
        asked = {"data": str(root / "otto" / "train.csv"), "target": "target", "ignore": ("id",)}
    elif table == "covertype":
        path = root / "covertype" / "covtype_subset.parquet"
        asked = {"data": str(path), "target": "Cover_Type", "ignore": ("source",)}
    elif table in getattr(options, "published", {}):  # what the caller wrote
        asked = {"data": str(options.published[table]), "target": "target"}
    run = Run(
        **asked, data_root=options.data_root, val_fraction=0.4, seed=seed, split_seed=seed, model="mlp-plr",
        epochs=options.epochs, threads=options.threads,
    )  # fmt: skip
    whole = open_dataset(run)
    assert whole.val is not None
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(whole.train))[: options.rows]
    order = rng.permutation(len(whole.val))
    pick, score = order[: len(order) // 2], order[len(order) // 2 :]
    train = replace(whole, train=whole.train.take(rows), val=whole.val.take(pick))
    return run, train, replace(whole, val=whole.val.take(score))


def figures(targets: np.ndarray, probabilities: np.ndarray, counts: Sequence[int]) -> dict[str, float]:
    """The measures of probabilities [N, K] of rows whose training rows had these counts."""
    rarest = int(np.argmin(np.where(np.array(counts) > 0, counts, np.inf)))
    values = (
        log_loss(targets, probabilities, labels=range(len(counts))),
        balanced_accuracy_score(targets, probabilities.argmax(1)),
        average_precision_score(targets == rarest, probabilities[:, rarest]),
    )
    return {name: round(float(value), 5) for name, value in zip(MEASURES, values, strict=True)}


def of_table(
    table: str, seed: int, dataset: Dataset, held: Dataset, arms: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """What a result file says of one table and seed: its rows, what more there is, and the arms."""
    assert dataset.val is not None
    assert held.val is not None
    return {
        "table": table,
        "seed": seed,
        "counts": list(dataset.profile.counts),
        "rows": {"train": len(dataset.train), "pick": len(dataset.val), "score": len(held.val)},
        "split_hash": dataset.split_hash,
        **more,
        "arms": arms,
    }


def scored(run: Run, dataset: Dataset, held: Dataset, scales: Tensor, trained: bool) -> dict[str, Any]:
    """Train with frequencies of these scales, frozen or trained, and measure on the rows held back."""
    build = networks.build_model

    def built(*args: Any, **options: Any) -> Any:
        model = build(*args, **options)
        model.numeric.periodic.weight.requires_grad_(trained)
        return model

    with (
        patch.object(networks, "frequency_scales", lambda *args, **options: scales),
        patch.object(networks, "build_model", built),
    ):
        fitted = networks.fit(run, dataset, Job())
    assert fitted is not None
    assert held.val is not None
    training = fitted.training
    return figures(held.val.targets.numpy(), fitted.predictor.scores(held.val.inputs), dataset.profile.counts) | {
        "epochs": training.planned_epochs,
        "best_epoch": training.best_epoch,
        "seconds_per_step": round(training.seconds_per_step, 5),
    }


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Everything about one table and seed."""
    run, dataset, held = opened(table, options, seed)
    x, y, k = dataset.train.inputs[0], dataset.train.targets, len(dataset.names)
    arms, seconds, found, done = [], {}, {}, {}
    for weighing in WEIGHINGS:
        began = time.perf_counter()
        found[weighing] = frequency_scales(x, y, k, weighing=weighing, seed=seed)
        seconds[weighing] = round(time.perf_counter() - began, 2)
    for weighing, scales in found.items():
        for trained in (False, True):
            key = (tuple(scales.tolist()), trained)
            if key not in done:
                done[key] = scored(run, dataset, held, scales, trained)
            arm = {"weighing": weighing, "frequencies": "trained" if trained else "frozen", **done[key]}
            arms.append(arm)
            print(
                table, seed, {name: round(v, 4) if isinstance(v, float) else v for name, v in arm.items()}, flush=True
            )
    rounded = {w: [round(s, 2) for s in scales.tolist()] for w, scales in found.items()}
    return of_table(table, seed, dataset, held, arms, scales=rounded, search_seconds=seconds)


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=["adult", "otto", "covertype", *GENERATED])
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    over_seeds(
        options, options.tables, measured, lambda results: of_arms(results, MEASURES, ("weighing", "frequencies"))
    )


if __name__ == "__main__":
    main()

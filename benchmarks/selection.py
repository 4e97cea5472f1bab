"""Which validation score should choose the epoch: log loss or argmax balanced accuracy, on seven tables.

    python benchmarks/selection.py --data-root FOLDER [--rows 4000] [--seeds 3] [--threads 1]
        [--tables adult otto covertype comb smooth digits rare] [--out benchmarks/selection.json]

Tables, parts and rows are those of benchmarks/frequencies.py, and one more with rare positives: one half of the
validation rows picks the epoch and ends the training, the other is scored, and test rows are never looked at. The seed
changes the split and the training, which is the tuned recipe's.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from frequencies import GENERATED, MEASURES, figures, of_table, opened
from paired import of_arms, over_seeds
from sklearn.datasets import make_classification

from tailtune.run.learners import fit_model


def rare(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that overlap, 1.5 % of the rarer: no row is called rare until late, if at all."""
    x, y = make_classification(
        20_000, 15, n_informative=6, weights=[0.985], flip_y=0.0, class_sep=0.5, random_state=rng.integers(2**31)
    )
    return x, y


GENERATED["rare"] = rare  # where `opened` looks
MONITORS = ("balanced_accuracy", "log_loss")


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Both ways to choose on one table and seed."""
    run, dataset, held = opened(table, options, seed)
    assert held.val is not None
    targets, counts = held.val.targets.numpy(), dataset.profile.counts
    arms = []
    for monitor in MONITORS:
        fitted = fit_model(replace(run, monitor=monitor), dataset)
        assert fitted is not None
        arms.append(
            {"monitor": monitor, "epochs": fitted.training.epochs, "best_epoch": fitted.training.best_epoch}
            | figures(targets, fitted.predictor.scores(held.val.inputs), counts)
        )
        print(table, seed, arms[-1], flush=True)
    return of_table(table, seed, dataset, held, arms)


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=["adult", "otto", "covertype", *GENERATED])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    over_seeds(options, options.tables, measured, lambda results: of_arms(results, MEASURES, ("monitor",)))


if __name__ == "__main__":
    main()

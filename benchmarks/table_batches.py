"""Batch sizes of the tuned recipe on the larger tables, on rows that chose nothing: what larger ones save and cost.

    python benchmarks/table_batches.py --data-root FOLDER [--rows 20000] [--seeds 2] [--threads 1]
        [--tables adult otto covertype smooth] [--out benchmarks/table_batches.json]

Tables, parts and rows are those of benchmarks/frequencies.py: half of the validation rows picks the epoch and ends the
training, the other is scored, and test rows are never looked at. All batch sizes have the same number of epochs, as the
recipe gives them to its own. Seconds are of the processor, for the whole training.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from frequencies import MEASURES, figures, of_table, opened
from paired import of_arms, over_seeds

from tailtune.run.learners import fit_model

ARMS = ((128, 0.1), (64, 0.1), (256, 0.1), (512, 0.1), (512, 0.2))  # batch size and rate; the recipe's first


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every batch size on one table and seed."""
    run, dataset, held = opened(table, options, seed)
    assert held.val is not None
    targets, counts, arms = held.val.targets.numpy(), dataset.profile.counts, list[dict[str, Any]]()
    for batch_size, lr in ARMS:
        began = time.process_time()
        fitted = fit_model(replace(run, batch_size=batch_size, lr=lr), dataset)
        assert fitted is not None
        seconds = time.process_time() - began
        arms.append(
            {"batch_size": batch_size, "lr": lr, "seconds": round(seconds, 1), "epochs": fitted.training.epochs}
            | {"best_epoch": fitted.training.best_epoch}
            | figures(targets, fitted.predictor.scores(held.val.inputs), counts)
        )
        print(table, seed, arms[-1], flush=True)
    return of_table(table, seed, dataset, held, arms)


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=["adult", "otto", "covertype", "smooth"])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    over_seeds(
        options,
        options.tables,
        measured,
        lambda results: of_arms(results, (*MEASURES, "seconds"), ("batch_size", "lr")),
    )


if __name__ == "__main__":
    main()

"""Into how many bins CatBoost should cut the numbers of tables with few rows, on rows that chose nothing.

    python benchmarks/catboost_bins.py [--bins 254 128 64 32] [--seeds 2] [--out benchmarks/catboost_bins.json]

Five times, as in the portfolio, a fifth of the rows for training and validation is held out. Half of it ends the
boosting, the other half is scored; test rows are never looked at. Seconds are of the processor, for the five trainings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tables
from paired import of_arms, over_seeds

from tailtune.data.dataset import Dataset
from tailtune.data.splits import folds
from tailtune.evaluation.ranking import average_precision
from tailtune.run.learners import fit_model
from tailtune.run.learners.judged_rows import judged_rows
from tailtune.settings import Run

TABLES = [*tables.PUBLISHED, "breast cancer", "clusters", "rare"]
MEASURES = ("log_loss", "rarest_average_precision", "seconds")


def scored_halves(run: Run, trainings: Sequence[Dataset], seed: int) -> dict[str, Any]:
    """Train once for each fold; half of its held-out rows ends the boosting, the other half is scored."""
    scores, targets, rounds, seconds = list[Any](), list[Any](), list[int](), 0.0
    for training in trainings:
        assert training.val is not None
        half = folds(training.val.targets.numpy(), 2, seed)
        ends, scored = (training.val.take(np.flatnonzero(half == part)) for part in (0, 1))
        began = time.process_time()
        fitted = fit_model(run, replace(training, val=ends, as_new=None))
        seconds += time.process_time() - began
        assert fitted is not None
        scores.append(fitted.predictor.scores(scored.inputs))
        targets.append(scored.targets.numpy())
        rounds.append(fitted.training.steps)
    of_all, y = np.concatenate(scores), np.concatenate(targets)
    present, counts = np.unique(y, return_counts=True)
    rarest = int(present[counts.argmin()])
    return {
        "seconds": round(seconds, 2),
        "rounds": rounds,
        "log_loss": round(float(-np.log(np.maximum(of_all[np.arange(len(y)), y], 1e-15)).mean()), 5),
        "rarest_average_precision": round(average_precision(of_all[:, rarest], y == rarest), 5),
        "rows_scored": len(y),
    }


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every number of bins on one table and seed."""
    dataset = tables.opened(table, seed, None)
    trainings = judged_rows(Run(table, split_seed=seed), dataset).trainings
    arms = list[dict[str, Any]]()
    for bins in options.bins:
        run = Run(table, model=f"catboost(max_bin={bins})", seed=seed, threads=1)
        arms.append({"max_bin": bins} | scored_halves(run, trainings, seed))
        print(table, seed, arms[-1], flush=True)
    about = {"table": table, "seed": seed, "rows": sum(dataset.profile.counts), "split_hash": dataset.split_hash}
    return about | {"arms": arms}


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--bins", type=int, nargs="+", default=[254, 128, 64, 32])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    options.data_root = None
    over_seeds(options, options.tables, measured, lambda results: of_arms(results, MEASURES, ("max_bin",)))


if __name__ == "__main__":
    main()

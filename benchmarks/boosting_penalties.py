"""Penalties on the leaves of boosted trees, on rows that chose nothing.

    python benchmarks/boosting_penalties.py --out benchmarks/boosting_penalties_xgboost.json
    python benchmarks/boosting_penalties.py --models "lightgbm(lambda_l2=0)" "lightgbm(lambda_l2=1)" --out ...

The settings that were tuned over many tables have no penalty, and for XGBoost hardly any least weight of a leaf: then a
leaf of one class out of K starts with a step of K / 2 in place of 1. Tables of two and more classes, and generated ones
of up to 40 in a long tail, are trained as catboost_bins.py does: folds, of which half of the rows held out ends the
boosting and the other half is scored; test rows are never looked at. The first model is what the others are set beside.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tables
from catboost_bins import MEASURES, scored_halves
from paired import of_arms, over_seeds

from tailtune.data.dataset import Dataset
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.run.learners.judged_rows import judged_rows
from tailtune.settings import Reading, Run

TWO = (
    *("hmda", "attrition", "breast cancer", "email", "credit", "churn", "default", "births", "wilms", "resumes"),
    *("head injury", "light chains", "lending"),
)
SEVERAL = ("computing", "clusters", "fishing", "pitches", "plebiscite", "yogurt", "car choice", "covid tests")
GENERATED = {f"{classes} classes": classes for classes in (10, 20, 40)}


def long_tail(classes: int, seed: int) -> pl.DataFrame:
    """Gaussian classes in twenty dimensions, from 400 rows down to 4."""
    rng = np.random.default_rng(seed)
    counts = np.geomspace(400, 4, classes).astype(np.int64)
    y = np.repeat(np.arange(classes), counts)
    x = rng.normal(size=(classes, 20))[y] + 1.3 * rng.normal(size=(len(y), 20))
    return pl.DataFrame({f"x{j}": x[:, j] for j in range(20)} | {"target": [f"class {k}" for k in y]})


def opened(name: str, seed: int) -> Dataset:
    """A table of several classes."""
    if name not in GENERATED:
        return tables.opened(name, seed, None)
    frame = long_tail(GENERATED[name], seed)
    return table_dataset(
        Reading(name, target="target", split_seed=seed), "target", Rows(frame, row_numbers(frame.height), name)
    )


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every model on one table and seed."""
    dataset = opened(table, seed)
    trainings = judged_rows(Run(table, split_seed=seed), dataset).trainings[: options.folds]
    arms = list[dict[str, Any]]()
    for model in options.models:
        run = Run(table, model=model, seed=seed, threads=1)
        arms.append({"model": model} | scored_halves(run, trainings, seed))
        print(table, seed, arms[-1], flush=True)
    return {
        "table": table,
        "seed": seed,
        "rows": sum(dataset.profile.counts),
        "classes": len(dataset.names),
        "split_hash": dataset.split_hash,
        "arms": arms,
    }


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=[*TWO, *SEVERAL, *GENERATED])
    parser.add_argument("--models", nargs="+", default=[f"xgboost(reg_lambda={penalty})" for penalty in (0, 1)])
    parser.add_argument("--folds", type=int, default=2, help="of the five that are trained")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.data_root = None
    over_seeds(options, options.tables, measured, lambda results: of_arms(results, MEASURES, ("model",)))


if __name__ == "__main__":
    main()

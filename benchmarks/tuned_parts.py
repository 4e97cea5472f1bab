"""What class-conditional smoothing and the length of the tuned recipe give on tables, and what SAM-A would add.

    python benchmarks/tuned_parts.py --data-root FOLDER [--rows 4000] [--seeds 2] [--threads 1]
        [--tables adult otto covertype comb smooth digits rare attrition ...] [--out benchmarks/tuned_parts.json]

Tables, parts and rows are those of benchmarks/selection.py, and published ones as benchmarks/tables.py reads them: one
half of the validation rows picks the epoch, ends the training and calibrates, as in the portfolio; the other is scored,
and test rows are never looked at. SAM-A makes two passes a step, so that half as long takes as many passes as the
recipe. Seconds are of the processor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import selection  # its further table, where `opened` looks
import tables
from frequencies import GENERATED, MEASURES, figures, of_table, opened
from paired import of_arms, over_seeds

from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, fit_use
from tailtune.run.learners import fit_model

assert selection
PUBLISHED = [name for name in tables.PUBLISHED if name != "glass"]  # which has 6 rows of a class
FIGURES = (*MEASURES, "as trained", "seconds")


SAMA = "tuned(rho=0.05)"
ARMS = (  # name, method, and the share of the recipe's epochs
    ("tuned", "tuned", 1.0),
    ("half as long", "tuned", 0.5),
    ("twice as long", "tuned", 2.0),
    ("SAM-A, half as long", SAMA, 0.5),
    ("SAM-A", SAMA, 1.0),
    ("SAM-A without smoothing, half as long", "tuned(rho=0.05, smoothing=0.0)", 0.5),
    ("without smoothing, half as long", "tuned(smoothing=0.0)", 0.5),
)


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every arm on one table and seed."""
    run, dataset, held = opened(table, options, seed)
    assert held.val is not None
    assert dataset.val is not None
    targets, profile, arms = held.val.targets.numpy(), dataset.profile, list[dict[str, Any]]()
    planned = 0
    for arm, method, share in ARMS:
        began, one = time.process_time(), replace(run, method=method)
        fitted = fit_model(replace(one, epochs=round(share * planned)) if planned else one, dataset)
        assert fitted is not None
        planned = planned or fitted.training.planned_epochs
        seconds = time.process_time() - began
        scores, chosen = fitted.predictor.scores(held.val.inputs), fitted.predictor.scores(dataset.val.inputs)
        asked = Asked(read_objective("log_loss"))
        use = fit_use(asked, fitted.implied, profile, HeldOut.of(chosen, dataset.val))
        calibrated = figures(targets, use.recalibration(scores), profile.counts)
        arms.append(
            {"arm": arm, "seconds": round(seconds, 1), "epochs": fitted.training.epochs}
            | {"as trained": figures(targets, scores, profile.counts)["log_loss"]}
            | calibrated
        )
        print(table, seed, arms[-1], flush=True)
    return of_table(table, seed, dataset, held, arms)


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=["adult", "otto", "covertype", *GENERATED, *PUBLISHED])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.published = {name: Path(folder) / f"{name}.parquet" for name in options.tables if name in PUBLISHED}
        for name, path in options.published.items():
            tables.published(tables.PUBLISHED[name]).write_parquet(path)
        over_seeds(options, options.tables, measured, lambda results: of_arms(results, FIGURES, ("arm",)))


if __name__ == "__main__":
    main()

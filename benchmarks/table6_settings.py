"""Settings of the last row of Table 6, by accuracy and log loss on validation rows.

    python benchmarks/table6_settings.py --data-root FOLDER [--tables adult otto] [--arms ...] [--seeds 2] [--out FILE]

Everything else is as in `tailtune paper table6`: the model with the sizes of the scale small, the routine, the
validation rows, and accuracy on them choosing the epoch. Kappa 0 gives every class the same radius and smoothing, 1
takes both as the inverse of the class's rows. Test rows are never looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.data.open import open_dataset
from tailtune.named_settings import with_settings
from tailtune.paper.table6 import CAPS, OURS_METHOD, OURS_MODEL, OURS_ROUTINE, PATIENCE
from tailtune.run.environment import machine, versions
from tailtune.run.learners import fit_model
from tailtune.settings import Run

BASE = {"method.rho": 0.15, "method.smoothing": 0.01}  # what the arms change
ARMS: dict[str, dict[str, Any]] = {
    "without": {"method": "erm"},
    "kappa 0": {"method.kappa": 0.0},
    "kappa 0, rho 0.05": {"method.kappa": 0.0, "method.rho": 0.05},
    "kappa 0.3": {"method.kappa": 0.3},
    "kappa 0.3, rho 0.05": {"method.kappa": 0.3, "method.rho": 0.05},
    "kappa 1": {"method.kappa": 1.0},
    "kappa 1, rho 0.05": {"method.kappa": 1.0, "method.rho": 0.05},
}
WIDER: dict[str, dict[str, Any]] = {  # sizes and routine on Otto, each by itself
    "base": {},
    "kappa 0": {"method.kappa": 0.0},
    "rho 0.3": {"method.rho": 0.3},
    "40 epochs": {"epochs": 40},
    "frequencies trained from 0.02": {"model.frequency_init_scale": 0.02, "model.n_frequencies": 48},
    "three layers": {"model.layers": 3},
    "dropout 0.3": {"model.dropout": 0.3},
    "ema 0.999": {"ema": 0.999},
    "batch 256, lr 0.2": {"batch_size": 256, "lr": 0.2},
    "lr 0.05": {"lr": 0.05},
    "weight decay 0.0005": {"weight_decay": 5e-4},
    "width 512": {"model.width": 512},
    "width 1024": {"model.width": 1024},
}


def measured(table: str, arm: str, seed: int, root: str) -> dict[str, Any]:
    """Train one arm and score it on the validation rows."""
    changes = BASE | (ARMS | WIDER)[arm]
    method = str(changes.get("method", "sama_smoothing"))
    sizes = {name: min(size, CAPS["small"].get(name, size)) for name, size in OURS_MODEL[table].items()}
    run = Run(
        data=table,
        data_root=root,
        method=method if method == "erm" else with_settings(method, _of("method.", changes)),
        model=with_settings("mlp-plr", sizes | _of("model.", changes)),
        optimizer="sgd",
        patience=PATIENCE,
        **OURS_ROUTINE[table] | {name: value for name, value in changes.items() if name in OURS_ROUTINE[table]},
        objective="accuracy",
        decision="none",
        selection="validation",
        val_fraction=0.2,
        test_fraction=0.2,
        threads=1,
        seed=seed,
    )
    dataset = open_dataset(run)
    assert dataset.val is not None
    began = time.perf_counter()
    fitted = fit_model(run, dataset)
    assert fitted is not None
    targets, scores = dataset.val.targets.numpy(), fitted.predictor.scores(dataset.val.inputs)
    return {
        "table": table,
        "arm": arm,
        "model": run.model,
        "method": run.method,
        "routine": {name: getattr(run, name) for name in OURS_ROUTINE[table]},
        "seed": seed,
        "accuracy": round(float((scores.argmax(1) == targets).mean()), 5),
        "log_loss": round(float(-np.log(np.maximum(scores[np.arange(len(targets)), targets], 1e-12)).mean()), 5),
        "best_epoch": fitted.training.best_epoch,
        "seconds": round(time.perf_counter() - began, 1),
        "rows": len(targets),
        "split_hash": dataset.split_hash,
    }


def _of(prefix: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in changes.items() if name.startswith(prefix)}


def main() -> None:
    """Measure what the file lacks."""
    parser = argparse.ArgumentParser(description="Validation accuracy of the last row of Table 6 by its settings.")
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=list(OURS_METHOD))
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("table6_settings.json"))
    options = parser.parse_args()
    rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for seed in range(options.seeds):
        for table in options.tables:
            for arm in options.arms:
                if any((row["table"], row["arm"], row["seed"]) == (table, arm, seed) for row in rows):
                    continue
                rows.append(measured(table, arm, seed, options.data_root))
                print(rows[-1], flush=True)
                found = {
                    "command": "python benchmarks/table6_settings.py --data-root FOLDER",
                    "versions": versions(),
                    "machine": asdict(machine()),
                    "rows": rows,
                }
                options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

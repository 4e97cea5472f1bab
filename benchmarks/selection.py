"""Which validation score should choose the epoch: log loss or argmax balanced accuracy, on seven tables.

    python benchmarks/selection.py --data-root FOLDER [--rows 4000] [--seeds 3] [--threads 1]
        [--tables adult otto covertype comb smooth digits rare] [--out benchmarks/selection.json]

Tables, parts and rows are those of benchmarks/frequencies.py, and one more with rare positives: one half of the
validation rows picks the epoch and ends the training, the other is scored, and test rows are never looked at. The seed
changes the split and the training, which is the tuned recipe's.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from frequencies import GENERATED, MEASURES, opened
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss

from tailtune.run.environment import machine, versions
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
    rarest, arms = int(np.argmin(counts)), []
    for monitor in MONITORS:
        fitted = fit_model(replace(run, monitor=monitor), dataset)
        assert fitted is not None
        probabilities = fitted.predictor.scores(held.val.inputs)
        values = {
            "log_loss": log_loss(targets, probabilities, labels=range(len(counts))),
            "balanced_accuracy": balanced_accuracy_score(targets, probabilities.argmax(1)),
            "rarest_average_precision": average_precision_score(targets == rarest, probabilities[:, rarest]),
        }
        arms.append(
            {"monitor": monitor, "epochs": fitted.training.epochs, "best_epoch": fitted.training.best_epoch}
            | {name: round(float(value), 5) for name, value in values.items()}
        )
        print(table, seed, arms[-1], flush=True)
    return {
        "table": table,
        "seed": seed,
        "counts": list(counts),
        "rows": {"train": len(dataset.train), "score": len(targets)},
        "split_hash": dataset.split_hash,
        "arms": arms,
    }


def differences(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Log loss less balanced accuracy as the monitor, on the same rows and seed: mean and standard error by table."""
    lines = []
    for table in dict.fromkeys(result["table"] for result in results):
        line: dict[str, Any] = {"table": table}
        for measure in MEASURES:
            pairs = [[arm[measure] for arm in result["arms"]] for result in results if result["table"] == table]
            steps = [later - first for first, later in pairs]
            error = statistics.stdev(steps) / len(steps) ** 0.5 if len(steps) > 1 else None
            line[measure] = {
                "means": [round(statistics.fmean(values), 5) for values in zip(*pairs, strict=True)],
                "difference": round(statistics.fmean(steps), 5),
                "standard_error": None if error is None else round(error, 5),
            }
        lines.append(line)
    return lines


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
    results: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for table in options.tables:
            results.append(measured(table, options, seed))
            epochs = f" --epochs {options.epochs}" if options.epochs else ""
            content = {
                "command": f"python benchmarks/selection.py --data-root FOLDER --rows {options.rows} --seeds "
                f"{options.seeds} --threads {options.threads}{epochs} --tables {' '.join(options.tables)}",
                "seeds": list(range(seed + 1)),
                "versions": versions(),
                "machine": asdict(machine()),
                "monitors": MONITORS,
                "summary": differences(results),
                "results": results,
            }
            options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

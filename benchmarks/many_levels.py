"""What a category of very many levels gives: one that carries all of the signal, and one that carries none.

    python benchmarks/many_levels.py [--out benchmarks/many_levels.json]

A tenth of the levels of a telling category has the rare class at a rate of 0.6, the others at 0.01; beside a category
that tells nothing, the rate follows from a number. Each table is trained on with the category and without. "possible"
is what the true rates would score on the same test rows, and "validation" is the log loss that training looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score, log_loss

from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.run.environment import machine, versions
from tailtune.run.learners import fit_model
from tailtune.settings import Run

CASES = (
    (True, 10_000, 2_000, "xgboost"),
    (True, 10_000, 2_000, "mlp-plr"),
    (True, 300_000, 100_000, "xgboost"),
    (False, 10_000, 2_000, "xgboost"),
    (False, 10_000, 2_000, "mlp-plr"),
    (False, 100_000, 20_000, "xgboost"),
)


def table(telling: bool, rows: int, levels: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Return a table of a category, a number and the class, and the true rate of the rare class [rows]."""
    rng = np.random.default_rng(0)
    shop, x = rng.integers(0, levels, rows), rng.normal(size=rows)
    rate = np.where(rng.random(levels) < 0.1, 0.6, 0.01)[shop] if telling else 1 / (1 + np.exp(2.5 - x))
    label = np.where(rng.random(rows) < rate, "rare", "common")
    return pl.DataFrame({"shop": [f"shop {k}" for k in shop], "x": x, "y": label}), rate


def scored(telling: bool, rows: int, levels: int, model: str, ignore: tuple[str, ...]) -> dict[str, object]:
    """Train once and score the test rows."""
    frame, rate = table(telling, rows, levels)
    began = time.perf_counter()
    run = Run("made", target="y", model=model, decision="none", ignore=ignore, accelerator="cpu")
    data = table_dataset(run, "y", Rows(frame, row_numbers(rows), "made"))
    fitted = fit_model(run, data)
    seconds = time.perf_counter() - began
    rare, found = data.test.targets.numpy(), fitted.predictor.scores(data.test.inputs)[:, 1]
    possible = rate[data.test.ids.astype(np.int64) - 1]
    return {
        "telling": telling,
        "rows": rows,
        "levels": levels,
        "model": model,
        "with_category": not ignore,
        "average_precision": float(average_precision_score(rare, found)),
        "log_loss": float(log_loss(rare, found)),
        "validation": float(log_loss(fitted.held_out.targets, fitted.held_out.probabilities[:, 1])),
        "possible_average_precision": float(average_precision_score(rare, possible)),
        "possible_log_loss": float(log_loss(rare, possible)),
        "chance": float(rare.mean()),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Run all cases and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/many_levels.json"))
    out = parser.parse_args().out
    results = []
    for case in CASES:
        for ignore in ((), ("shop",)):
            results.append(scored(*case, ignore))
            print(results[-1], flush=True)
    content = {
        "command": "python benchmarks/many_levels.py",
        "versions": versions(),
        "machine": asdict(machine()),
        "results": results,
    }
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

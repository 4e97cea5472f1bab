"""What `tailtune tune` gains over the default on rows that chose nothing, and what the rows that chose had promised.

    python benchmarks/tune_gain.py --minutes 3 --seeds 1 --out tune_gain.json [--tables hmda credit]

Each search has so many minutes and one process, and no final run; the fifth of the rows that judges is kept aside from
training, and test rows are never looked at. The tables are those of benchmarks/tables.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tables

from tailtune.run.environment import machine, versions
from tailtune.settings import Run
from tailtune.tuning.tune import SEARCHING, tune

TABLES = ["glass", "attrition", "hmda", "credit", "churn", "caravan"]


def measured(name: str, seed: int, minutes: float) -> dict[str, Any]:
    """One search."""
    with tempfile.TemporaryDirectory() as folder:
        path, whole = Path(folder) / "table.csv", minutes / SEARCHING  # the rest would be for a final run
        tables.published(tables.PUBLISHED[name]).write_csv(path)
        out = str(Path(folder) / "run")
        run = Run(str(path), target="target", split_seed=seed, seed=seed, threads=1, minutes=whole, out=out)
        found = tune(run, seeds=0, say=lambda _: None)
    judged = {
        key: round(value, 5) if isinstance(value, float) else value for key, value in asdict(found.judged).items()
    }
    return {"table": name, "seed": seed, "trials": len(found.trials)} | judged


def main() -> None:
    """Search on every table and write the file after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    results: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for name in options.tables:
            results.append(measured(name, seed, options.minutes))
            print(json.dumps(results[-1]), flush=True)
            options.out.write_text(json.dumps(about | {"results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Time and memory of `tailtune inspect` and `tailtune fit` with no options on tables of 30 columns, by their rows.

    python benchmarks/table_sizes.py --rows 10000 100000 1000000 --out table_sizes.json

Each command is a process of its own. Seconds are by the clock and of the processor, memory is the most that the process
held. The tables are generated: 24 numbers, 6 categories of up to 50 levels, 3 % of the rows of the rarer class.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tailtune.run.environment import machine, versions

NUMBERS, CATEGORIES = 24, 6


def table(rows: int) -> pl.DataFrame:
    """A table in which some columns, and one product, tell the rare class."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, NUMBERS)).astype(np.float32)
    codes = [rng.integers(0, 5 + 9 * j, rows) for j in range(CATEGORIES)]
    score = x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * np.abs(x[:, 3]) + (codes[1] % 3 == 0) + rng.normal(0, 1.5, rows)
    rare = score > np.quantile(score, 0.97)
    columns: dict[str, Any] = {f"x{j}": x[:, j] for j in range(NUMBERS)}
    columns |= {f"c{j}": np.char.add("level ", codes[j].astype(str)) for j in range(CATEGORIES)}
    return pl.DataFrame(columns | {"target": np.where(rare, "yes", "no")})


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command; its seconds by the clock and of the processor, and the most memory."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, said[-2000:]
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_mb": round(usage.ru_maxrss / 1000),
    }


def main() -> None:
    """Measure what the file lacks."""
    parser = argparse.ArgumentParser(description="Time and memory by rows.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=Path("table_sizes.json"))
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for rows in options.rows:
            path = Path(name) / f"{rows}.csv"
            table(rows).write_csv(path)
            for command in ("inspect", "fit"):
                words = [sys.executable, "-m", "tailtune", command, str(path), "--target", "target"]
                if command == "fit":
                    words += ["--out", str(Path(name) / f"run-{rows}"), "--json"]
                line = {"command": command, "rows": rows, "file_mb": round(path.stat().st_size / 1e6)}
                line |= measured(words)
                if command == "fit":
                    result = json.loads((Path(name) / f"run-{rows}" / "result.json").read_text(encoding="utf-8"))
                    model = result["systems"][0]["metrics"]
                    line |= {"auprc": model["auprc"], "log_loss": model["log_loss"]}
                    line |= {"models": [member["name"] for member in result["training"]["portfolio"]]}
                print(json.dumps(line), flush=True)
                found.append(line)
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    options.out.write_text(json.dumps({**about, "rows": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Reads the studies of benchmarks/decisions.py: what each decision changes on its own objective, as a Markdown table.

    python benchmarks/read_decisions.py benchmarks/decisions_*.json

A line a data set, method and objective: the objective's own figure and the log loss without a decision, with the prior
decision and with the fitted one, and the paired difference of the fitted one, mean ± standard error over the seeds.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

DECISIONS = ("none", "prior", "fitted")
Rows = list[dict[str, Any]]


def place(row: dict[str, Any]) -> str:
    """Name of the data set of a row, with its ratio."""
    name = str(row["dataset"]).rpartition(":")[2]
    return name if row["ratio"] is None else f"{name} at {row['ratio']:g}"


def values(rows: Rows, decision: str, measure: str) -> list[float]:
    """The figures of a decision, seed by seed."""
    return [float(row[measure]) for row in sorted(rows, key=lambda row: row["seed"]) if row["decision"] == decision]


def change(rows: Rows, measure: str) -> str:
    """Fitted less none, paired by seed: mean ± standard error."""
    pairs = zip(values(rows, "fitted", measure), values(rows, "none", measure), strict=True)
    steps = [fitted - none for fitted, none in pairs]
    error = statistics.stdev(steps) / len(steps) ** 0.5 if len(steps) > 1 else float("nan")
    return f"{statistics.mean(steps):+.3f} ± {error:.3f}"


def line(rows: Rows) -> str:
    """A line of the table."""
    first = rows[0]
    objective = first.get("objective") or "balanced_accuracy"
    name = f"{first['method']}, {first['policy']}" if "policy" in first else first["method"]
    cells = [place(first), name, objective.replace("_", " "), str(len(values(rows, "none", objective)))]
    for measure in (objective, "log_loss"):
        cells += [f"{statistics.mean(values(rows, decision, measure)):.3f}" for decision in DECISIONS]
        cells.append(change(rows, measure))
    return f"| {' | '.join(cells)} |"


def table(path: Path) -> list[str]:
    """The lines of one study; seeds without all decisions are left out."""
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        key = (place(row), row["method"], row.get("policy"), row.get("objective"))
        groups.setdefault(key, []).append(row)
    return [line(group) for group in groups.values()]


if __name__ == "__main__":
    heads = ["data", "method", "objective", "seeds"]
    heads += [f"{measure}{head}" for measure in ("", "log loss, ") for head in (*DECISIONS, "fitted − none")]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for argument in sys.argv[1:]:
        print("\n".join(table(Path(argument))))

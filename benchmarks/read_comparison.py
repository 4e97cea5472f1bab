"""Reads a comparison with several decisions: which method, and which decision, as a Markdown table.

    python benchmarks/read_comparison.py benchmarks/compare_adult.json --measure macro_f1 --reference erm
    python benchmarks/read_comparison.py benchmarks/compare_digits.json --measure balanced_accuracy --ratio 0.01

A line a method: the measure under each decision, mean ± standard error over the seeds; its difference from the
reference under the last decision, paired by seed, with a 95 % t-interval; and the log loss under the first and the last
decision. Below it, how far the methods spread under each decision. Sorted by the last decision.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from scipy import stats

Figures = dict[tuple[str, str], dict[int, dict[str, Any]]]  # (method, decision) -> seed -> row


def figures(path: Path, ratio: float | None) -> Figures:
    """The rows of a result file, at one ratio."""
    found: Figures = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        if row["ratio"] == ratio:
            found.setdefault((row["method"], row["decision"]), {})[row["seed"]] = row
    return found


def mean(rows: dict[int, dict[str, Any]], measure: str) -> str:
    """Mean ± standard error over the seeds."""
    values = [float(row[measure]) for row in rows.values()]
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f}"


def difference(rows: dict[int, dict[str, Any]], reference: dict[int, dict[str, Any]], measure: str) -> str:
    """Mean difference, paired by seed, with its 95 % interval."""
    steps = [float(row[measure]) - float(reference[seed][measure]) for seed, row in rows.items()]
    middle, error = statistics.mean(steps), statistics.stdev(steps) / len(steps) ** 0.5
    reach = float(stats.t.ppf(0.975, len(steps) - 1)) * error
    return f"{middle:+.3f} [{middle - reach:+.3f}, {middle + reach:+.3f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--measure", default="balanced_accuracy")
    parser.add_argument("--reference", default="erm")
    parser.add_argument("--ratio", type=float)
    asked = parser.parse_args()
    found = figures(asked.file, asked.ratio)
    decisions = list(dict.fromkeys(decision for _, decision in found))
    methods = list(dict.fromkeys(method for method, _ in found))
    last = decisions[-1]

    def average(method: str, decision: str) -> float:
        return statistics.mean(float(row[asked.measure]) for row in found[method, decision].values())

    seeds = len(found[methods[0], last])
    words = asked.measure.replace("_", " ")
    print(f"{words}, {seeds} seeds\n")
    head = [*(f"decision {decision}" for decision in decisions), f"{last}, against {asked.reference}"]
    print(f"| method | {' | '.join(head)} | log loss, {decisions[0]} | log loss, {last} |")
    print("|---" * (len(head) + 3) + "|")
    for method in sorted(methods, key=lambda method: -average(method, last)):
        cells = [mean(found[method, decision], asked.measure) for decision in decisions]
        same = method == asked.reference
        cells.append("" if same else difference(found[method, last], found[asked.reference, last], asked.measure))
        cells += [mean(found[method, decision], "log_loss") for decision in (decisions[0], last)]
        print(f"| {method} | {' | '.join(cells)} |")
    for decision in decisions:
        values = sorted(average(method, decision) for method in methods)
        quarter = len(values) // 4
        middle = f"the middle half {values[quarter]:.3f} to {values[-1 - quarter]:.3f}"
        print(f"\nDecision {decision}: methods from {values[0]:.3f} to {values[-1]:.3f}, {middle}.")


if __name__ == "__main__":
    main()

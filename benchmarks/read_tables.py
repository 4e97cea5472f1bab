"""Reads tables.jsonl: the portfolio beside the boosting libraries, as Markdown tables, and as a figure with --figure.

    python benchmarks/read_tables.py benchmarks/tables.jsonl [--figure docs/images/tables.png]

A table each for average precision of the rarest classes and log loss, a line a data set, means over the seeds; last the
mean rank over the data sets, and on how many the portfolio is ahead of the better of the two XGBoosts.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SYSTEMS = ("portfolio", "XGBoost", "XGBoost, weighted", "LightGBM", "CatBoost")
MEASURES = (
    ("average_precision", "Average precision of the rarest classes", True, 3),
    ("log_loss", "Log loss", False, 4),
    ("macro_f1", "Macro F1", True, 3),
    ("balanced_accuracy", "Balanced accuracy", True, 3),
    ("seconds", "Seconds of training", False, 1),
)
Means = Mapping[str, Mapping[str, float]]  # by table and system


def means(lines: list[dict[str, object]], measure: str) -> Means:
    """The mean over the seeds of each table and system, of the seeds that all systems have."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line["system"] in SYSTEMS:
            values[str(line["table"])][str(line["system"])].append(float(str(line[measure])))
    return {table: {system: float(np.mean(found[system])) for system in SYSTEMS} for table, found in values.items()}


def ranks(found: Means, higher: bool) -> dict[str, float]:
    """The mean rank of each system over the tables; 1 is best, ties share their ranks."""
    from scipy.stats import rankdata

    sign = -1 if higher else 1
    each = [rankdata([sign * round(of[system], 6) for system in SYSTEMS]) for of in found.values()]
    return dict(zip(SYSTEMS, np.mean(each, axis=0).tolist(), strict=True))


def table(lines: list[dict[str, object]], measure: str, title: str, higher: bool, digits: int) -> list[str]:
    """One Markdown table."""
    found = means(lines, measure)
    about = {str(line["table"]): line for line in lines}
    said = [f"**{title}** ({'higher' if higher else 'lower'} is better)", ""]
    seeds = {name: len({line["seed"] for line in lines if line["table"] == name}) for name in found}
    said += [f"| data | rows | rarest | seeds | {' | '.join(SYSTEMS)} |", f"|{'---|' * (4 + len(SYSTEMS))}"]
    for name, of in found.items():
        best = (max if higher else min)(round(value, digits) for value in of.values())
        cells = [f"{of[system]:.{digits}f}" for system in SYSTEMS]
        cells = [
            f"**{cell}**" if round(of[system], digits) == best else cell
            for system, cell in zip(SYSTEMS, cells, strict=True)
        ]
        said.append(
            f"| {name} | {about[name]['rows']} | {about[name]['rarest']} | {seeds[name]} | {' | '.join(cells)} |"
        )
    if measure != "seconds":
        said.append(f"| mean rank | | | | {' | '.join(f'{rank:.2f}' for rank in ranks(found, higher).values())} |")
        sign = 1 if higher else -1
        ahead = sum(
            sign * of["portfolio"] > max(sign * of[peer] for peer in ("XGBoost", "XGBoost, weighted"))
            for of in found.values()
        )
        said += ["", f"Ahead of the better of both XGBoosts on {ahead} of {len(found)}."]
    return [*said, ""]


def draw(lines: list[dict[str, object]], path: Path) -> None:
    """The log loss of each system over that of the portfolio, table by table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = means(lines, "log_loss")
    names = list(found)
    figure = Figure(figsize=(8, 0.36 * len(names) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    at = np.arange(len(names))
    for system, marker in zip(SYSTEMS[1:], "osD^", strict=True):
        axes.plot(
            [found[name][system] / found[name]["portfolio"] for name in names], at, marker, label=system, alpha=0.85
        )
    axes.axvline(1.0, color="black", linewidth=1, label="portfolio")
    axes.set_yticks(at, names)
    axes.invert_yaxis()
    axes.set_xlabel("log loss on the test rows over that of the portfolio")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the tables, and draw."""
    parser = argparse.ArgumentParser(description="Read tables.jsonl.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    lines = [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines()]
    for measure, title, higher, digits in MEASURES:
        print("\n".join(table(lines, measure, title, higher, digits)))
    if options.figure:
        draw(lines, options.figure)


if __name__ == "__main__":
    main()

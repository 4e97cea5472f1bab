"""Reads tables.jsonl: the portfolio beside the boosting libraries, as Markdown tables, and as a figure with --figure.

    python benchmarks/read_tables.py benchmarks/tables.jsonl [--figure docs/images/tables.png]
    python benchmarks/read_tables.py --members benchmarks/portfolio_members.json

A table for each measure, a line a data set, means over the seeds that all systems of the line have; last the mean rank
over the data sets that all systems have, and on how many the portfolio is ahead of the better of the two XGBoosts.
Peers of other environments, which have fewer seeds and data sets, have tables of their own. --members shows what each
model adds to the portfolio.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

OWN = ("portfolio", "XGBoost", "XGBoost, weighted", "LightGBM", "CatBoost")
BALANCED = ("portfolio for balanced accuracy", *OWN[1:])  # by answers for what is measured
ELSEWHERE = (("RealMLP-TD", "RealMLP-TD, log loss"), ("TabM-D",))  # see pytabkit_peers.py; TabM-D is of fewer tables
MARKERS = "osD^vPX"
MEASURES = (
    ("average_precision", "Average precision of the rarest classes", True, 3),
    ("log_loss", "Log loss", False, 4),
    ("macro_f1", "Macro F1", True, 3),
    ("balanced_accuracy", "Balanced accuracy", True, 3),
    ("seconds", "Seconds of training", False, 1),
)
Line = Mapping[str, object]
Means = Mapping[str, Mapping[str, float]]  # by table and system


def elsewhere(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The portfolio and the best of the other libraries with the peers of other environments that the file has."""
    there = {line["system"] for line in lines}
    found = [tuple(system for system in peers if system in there) for peers in ELSEWHERE]
    return [("portfolio", "CatBoost", *peers) for peers in found if peers]


def means(lines: Sequence[Line], measure: str, systems: Sequence[str] = OWN) -> Means:
    """The mean over the seeds of each table and system, of the seeds that all systems of the table have.

    Tables without a line of the first system, ours, are left out.
    """
    values: dict[str, dict[str, dict[object, float]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        if line["system"] in systems:
            values[str(line["table"])][str(line["system"])][line["seed"]] = float(str(line[measure]))
    found = {}
    for name, of in values.items():
        if systems[0] not in of:
            continue
        seeds = set.intersection(*(set(by_seed) for by_seed in of.values()))
        found[name] = {system: float(np.mean([by_seed[seed] for seed in seeds])) for system, by_seed in of.items()}
    return found


def ranks(found: Means, systems: Sequence[str], higher: bool) -> dict[str, float]:
    """The mean rank of each system over the tables that all have; 1 is best, ties share their ranks."""
    from scipy.stats import rankdata

    sign = -1 if higher else 1
    whole = [of for of in found.values() if set(systems) <= set(of)]
    each = [rankdata([sign * round(of[system], 6) for system in systems]) for of in whole]
    return dict(zip(systems, np.mean(each, axis=0).tolist(), strict=True)) if each else {}


def table(
    lines: Sequence[Line], systems: Sequence[str], measure: str, title: str, higher: bool, digits: int
) -> list[str]:
    """One Markdown table of the data sets that have a line of the first system, ours, and of one besides CatBoost."""
    found = {name: of for name, of in means(lines, measure, systems).items() if set(of) - {systems[0], "CatBoost"}}
    about = {str(line["table"]): line for line in lines}
    said = [f"**{title}** ({'higher' if higher else 'lower'} is better)", ""]
    said += [f"| data | rows | rarest | seeds | {' | '.join(systems)} |", f"|{'---|' * (4 + len(systems))}"]
    for name, of in found.items():
        best = (max if higher else min)(round(value, digits) for value in of.values())
        cells = [f"{of[system]:.{digits}f}" if system in of else "–" for system in systems]
        cells = [
            f"**{cell}**" if system in of and round(of[system], digits) == best else cell
            for system, cell in zip(systems, cells, strict=True)
        ]
        of_each = [{line["seed"] for line in lines if (line["table"], line["system"]) == (name, one)} for one in of]
        seeds = len(set.intersection(*of_each))
        said.append(f"| {name} | {about[name]['rows']} | {about[name]['rarest']} | {seeds} | {' | '.join(cells)} |")
    if measure != "seconds":
        mean = ranks(found, systems, higher)
        whole = sum(set(systems) <= set(of) for of in found.values())
        on = "mean rank" if whole == len(found) else f"mean rank on {whole} of {len(found)}"
        said.append(f"| {on} | | | | {' | '.join(f'{rank:.2f}' for rank in mean.values())} |")
        if "XGBoost" not in systems:
            return [*said, ""]
        sign = 1 if higher else -1
        ahead = sum(
            sign * of[systems[0]] > max(sign * of[peer] for peer in ("XGBoost", "XGBoost, weighted"))
            for of in found.values()
        )
        said += ["", f"Ahead of the better of both XGBoosts on {ahead} of {len(found)}."]
    return [*said, ""]


def added(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """A Markdown table of what each member adds, in thousandths of the log loss."""
    models = list(tables[0]["members"])
    said = [f"| data | rows judged | {' | '.join(models)} |", f"|{'---|' * (2 + len(models))}"]
    for line in tables:
        each = [line["members"][model] for model in models]
        cells = [f"{1000 * of['log_loss']:+.1f} ± {1000 * of['error']:.1f}" if of["error"] else "0" for of in each]
        said.append(f"| {line['table']} | {line['judged']} | {' | '.join(cells)} |")
    return said


def draw(lines: Sequence[Line], path: Path) -> None:
    """The log loss of each system over that of the portfolio, table by table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = means(lines, "log_loss")
    names = list(found)
    figure = Figure(figsize=(8, 0.36 * len(names) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    at = np.arange(len(names))
    for system, marker in zip(OWN[1:], MARKERS, strict=False):
        over = [found[name].get(system, np.nan) / found[name]["portfolio"] for name in names]
        axes.plot(over, at, marker, label=system, alpha=0.85)
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
    parser.add_argument("--members", action="store_true", help="FILE is portfolio_members.json")
    options = parser.parse_args()
    if options.members:
        print("\n".join(added(json.loads(options.file.read_text(encoding="utf-8"))["tables"])))
        return
    lines = [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines()]
    for systems in (OWN, *elsewhere(lines)):
        for measure, title, higher, digits in MEASURES:
            print("\n".join(table(lines, systems, measure, title, higher, digits)))
    print("\n".join(table(lines, BALANCED, "balanced_accuracy", "Balanced accuracy, asked for", True, 3)))
    if options.figure:
        draw(lines, options.figure)


if __name__ == "__main__":
    main()

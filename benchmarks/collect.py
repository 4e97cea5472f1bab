"""Condense finished run folders into one result file: what the numbers in README and docs are taken from.

    python benchmarks/collect.py RUN [RUN ...] --out benchmarks/adult.json

Keeps, for each run, the command, seed, split hash, versions, machine, and for the model and each baseline the headline
figures with their intervals; then mean and standard error over the runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import msgspec

from tailtune.evaluation.measures import MEASURES, at
from tailtune.run.finished import Finished

FIGURES = tuple(measure.key for measure in at("study", MEASURES) if measure.everywhere)


def condensed(folder: Path) -> dict[str, Any]:
    """The parts of a run's result.json that a number needs to be had again."""
    result = msgspec.to_builtins(Finished(folder).result)
    run = {name: value for name, value in result["run"].items() if name not in ("out", "data_root", "data")}
    kept = {key: result[key] for key in ("finished", "versions", "machine", "training")}
    kept |= {"command": _neutral(result["command"]), "source": Path(result["data"]["source"]).name, "run": run}
    kept |= {"split": result["data"]["split"], "split_hash": result["data"]["split_hash"]}
    kept["counts"] = result["data"]["counts"]
    kept["systems"] = [
        {
            "name": system["name"],
            "label": system["label"],
            "seconds": system["seconds"],
            "metrics": {name: system["metrics"].get(name) for name in FIGURES},
            "intervals": {name: system["intervals"][name] for name in FIGURES if name in system["intervals"]},
            "recall": [row["recall"] for row in system["per_class"]],
        }
        for system in result["systems"]
    ]
    return kept


def _neutral(command: str) -> str:
    """A command without the folders of the machine it ran on."""
    return " ".join(Path(word).name if word.startswith("/") else word for word in command.split())


def over_runs(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard error of each figure of each system that all runs have."""
    rows = []
    for name in [system["name"] for system in runs[0]["systems"]]:
        found = [next((s for s in run["systems"] if s["name"] == name), None) for run in runs]
        if any(system is None for system in found):
            continue
        row: dict[str, Any] = {"name": name, "runs": len(runs)}
        for figure in FIGURES:
            values = [system["metrics"][figure] for system in found]
            if None in values:
                continue
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
            row[figure] = {"mean": statistics.fmean(values), "standard_error": error}
        row["seconds"] = statistics.fmean(system["seconds"] for system in found)
        rows.append(row)
    return rows


def main() -> None:
    """Read the folders and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    runs = [condensed(folder) for folder in options.runs]
    options.out.write_text(json.dumps({"summary": over_runs(runs), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()

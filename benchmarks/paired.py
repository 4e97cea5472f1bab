"""Ways to train compared on the same rows and seeds: what one gains over another, and the file that says so."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailtune.run.environment import machine, versions

Result = dict[str, Any]


def paired(first: Sequence[float], later: Sequence[float]) -> dict[str, Any]:
    """Means of two ways over trainings; the later less the first, its standard error, and how often it is higher."""
    steps = [b - a for a, b in zip(first, later, strict=True)]
    error = statistics.stdev(steps) / len(steps) ** 0.5 if len(steps) > 1 else None
    return {
        "means": [round(statistics.fmean(values), 5) for values in (first, later)],
        "difference": round(statistics.fmean(steps), 5),
        "standard_error": None if error is None else round(error, 5),
        "higher": sum(step > 0 for step in steps),
    }


def of_arms(
    results: Sequence[Result], measures: Sequence[str], named: Sequence[str], data: str = "table"
) -> list[dict[str, Any]]:
    """Every later arm less the first, over the seeds of each data set.

    Args:
        results: with an entry `data` and "arms".
        measures: of an arm that are compared.
        named: entries that tell one arm from another.
        data: the entry that names the data set.
    """
    lines = []
    for one in dict.fromkeys(result[data] for result in results):
        runs = [result["arms"] for result in results if result[data] == one]
        for place, arm in enumerate(runs[0][1:], start=1):
            line = {data: one} | {name: arm[name] for name in named}
            for measure in measures:
                line[measure] = paired(*([run[at][measure] for run in runs] for at in (0, place)))
            lines.append(line)
    return lines


def over_seeds(
    options: argparse.Namespace,
    names: Sequence[str],
    measured: Callable[[str, argparse.Namespace, int], Result],
    summary: Callable[[list[Result]], list[dict[str, Any]]],
) -> None:
    """Measure every data set in `names` with every seed, and write `options.out` whole after each."""
    results: list[Result] = []
    for seed in range(options.seeds):
        for name in names:
            results.append(measured(name, options, seed))
            written = {
                "command": _typed(options),
                "versions": versions(),
                "machine": asdict(machine()),
                "summary": summary(results),
                "results": results,
            }
            options.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _typed(options: argparse.Namespace) -> str:
    """The command line as it could be typed, without folders of this machine."""
    words = ["FOLDER" if word == options.data_root else word for word in sys.argv[1:]]
    return f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(words)}"

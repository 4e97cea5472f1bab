"""Results of studies whose trainings never were, so that their page and tables are tested without training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from tailtune.study.results import SCHEMA, StudyResult
from tailtune.study.statistics import COMPARED, compare

DIGITS = (("digits", 0.01),)
EFFECTS = {"erm": 0.0, "sama": 0.06, "focal": 0.0, "crt": -0.06}


def study(
    effects: dict[str, float] | None = None,
    seeds: int = 8,
    datasets: tuple[tuple[str, float | None], ...] = DIGITS,
    binary: bool = False,
    published: str | None = None,
    noun: str = "method",
    **changes: Any,
) -> StudyResult:
    """Return what a study found that never was; the `published` metric is 0.5 below all others."""
    effects = EFFECTS if effects is None else effects
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for dataset, ratio in datasets:
        for seed in range(seeds):
            shared = rng.normal(0, 0.02)
            for arm, effect in effects.items():
                chance = rng.normal(0, 0.004) if effect else 0.004 * (-1) ** seed * (arm != "erm")
                value = 0.7 + shared + effect + chance  # without an effect chance evens out: level whatever is drawn
                row = {
                    "dataset": dataset,
                    "ratio": ratio,
                    "arm": arm,
                    "method": arm,
                    "seed": seed,
                    "vary": "init",
                    "status": "done",
                    **dict.fromkeys((measure.key for measure in COMPARED), float(value)),
                    "auprc": float(value) - 0.3 if binary else None,
                    "few_accuracy": None,
                    "ece": float(abs(0.1 - effect)),
                    "seconds": float(10 * (1 + 10 * abs(effect)) * rng.uniform(0.98, 1.02)),
                    "split_hash": f"split-of-{dataset}",
                    "headline": published,
                }
                if published:
                    row[published] = float(value) - 0.5
                rows.append(row)
    content = {
        "schema": SCHEMA,
        "tailtune": "0.1.0",
        "command": "tailtune compare digits --methods 'sama,focal,crt' --seeds 8 --out study",
        "finished": "2025-05-04T12:30:00+00:00",
        "versions": {"python": "3.12.3", "torch": "2.9.0"},
        "machine": {"processor": "a processor", "cores": 2, "memory_gb": 7.8, "gpu": None, "system": "Linux"},
        "asked": {"data": ["digits"], "seeds": seeds, "vary": "init", "tune_trials": 0, "model": None},
        "varied": ["method"],
        "planned": len(rows),
        "shared": [],
        "searches": [],
        "failed": [],
        "rows": rows,
        "curves": [],
        "measures": [],
        "statistics": msgspec.to_builtins(compare(rows, noun=noun)),
    }
    return msgspec.convert(content | changes, StudyResult)


def changed(result: StudyResult, change: Callable[[dict[str, Any]], object]) -> StudyResult:
    """The same result with content that `change` has changed in place, and with statistics to fit."""
    content = msgspec.to_builtins(result)
    change(content)
    statistics = compare(content["rows"], noun=result.statistics.noun)
    return msgspec.convert(content | {"statistics": msgspec.to_builtins(statistics)}, StudyResult)


def curve(arm: str, seed: int, epochs: int = 4, part: str | None = "val") -> dict[str, Any]:
    """A learning curve that rises to 0.7 and a hundredth more for every seed."""
    rising = [(0.7 + seed / 100) * (i + 1) / epochs for i in range(epochs)]
    watched = {"balanced_accuracy": rising, "tail_accuracy": rising, "loss": rising} if part else {}
    place = {"dataset": "digits", "ratio": 0.01, "arm": arm, "seed": seed, "part": part}
    return {**place, "epoch": [*range(1, epochs + 1)], "train_loss": rising, **watched}

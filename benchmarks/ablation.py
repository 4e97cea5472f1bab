"""What each part of the tuned recipe does: the recipe, the recipe without one part, and plain training.

    python benchmarks/ablation.py DATA [--seeds 3] [--out benchmarks/ablation_DATA.json] [fit options as name=value]

For example ``python benchmarks/ablation.py digits ratio=0.01 selection=last`` or
``python benchmarks/ablation.py adult data_root=FOLDER``. The split is the same for all; seeds change initialisation,
order, augmentation and dropout. Choices of the recipe were made on validation rows, not on these test figures.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tailtune.data.open import open_dataset
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.metrics import summarise
from tailtune.methods.resolve import build as build_method
from tailtune.models.build import default_name
from tailtune.run.environment import machine, versions
from tailtune.run.learners import fit_model
from tailtune.settings import Run
from tailtune.training.recipe import resolve

FIGURES = tuple(measure.key for measure in at("terminal", MEASURES) if measure.everywhere)


def variants(tuned: Run, plain: Run) -> dict[str, Run]:
    """Name and configuration of what is compared; `tuned` and `plain` are resolved runs."""
    rest = {"rho": None, "smoothing": None}
    return {
        "tuned": tuned,
        "without SAM-A": replace(tuned, method="class_conditional_smoothing", rho=None, smoothing=0.01),
        "SAM for SAM-A": replace(tuned, kappa=0.0),
        "without smoothing": replace(tuned, method="sama", smoothing=None, rho=0.05),
        "without either": replace(tuned, method="erm", **rest),
        "without weight average": replace(tuned, ema=0.0),
        "plain batch size": replace(tuned, batch_size=plain.batch_size),
        "plain training (erm)": plain,
    }


def value_of(text: str) -> Any:
    """A number, None or boolean, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def main() -> None:
    """Train every variant on every seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="fields of Run, as name=value")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings = {name: value_of(text) for name, text in (pair.split("=", 1) for pair in options.settings)}
    run = Run(data=options.data, **settings)
    dataset = open_dataset(run)
    model = run.model or default_name(dataset.kind, dataset.preprocessor.shape(), len(dataset.train))
    resolved = {}
    for method in ("tuned", "erm"):
        asked = replace(run, model=model, method=method)
        resolved[method] = resolve(asked, build_method(method, dataset.profile, asked), dataset)
    rows = []
    for name, variant in variants(resolved["tuned"], resolved["erm"]).items():
        found: list[dict[str, float]] = []
        seconds = []
        for seed in range(options.seeds):
            fitted = fit_model(replace(variant, seed=seed), dataset)
            assert fitted is not None
            probabilities = fitted.predictor.probabilities(dataset.test.inputs)
            found.append(summarise(dataset.test.targets.numpy(), probabilities, dataset.profile))
            seconds.append(fitted.training.seconds)
        row: dict[str, Any] = {"variant": name, "seconds": round(statistics.fmean(seconds), 2)}
        for figure in FIGURES:
            values = [scores[figure] for scores in found]
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
            row[figure] = {"mean": statistics.fmean(values), "standard_error": error, "values": values}
        run_of = {key: value for key, value in vars(fitted.run).items() if key not in ("data_root", "out", "data")}
        rows.append(row | {"run": run_of})
        print(name, {figure: round(row[figure]["mean"], 4) for figure in FIGURES}, row["seconds"], flush=True)
    shown = [word for word in sys.argv[1:] if not word.startswith("data_root=")]
    content = {
        "command": "python benchmarks/ablation.py " + " ".join(Path(word).name for word in shown),
        "seeds": list(range(options.seeds)),
        "split_hash": dataset.split_hash,
        "counts": list(dataset.profile.counts),
        "versions": versions(),
        "machine": asdict(machine()),
        "rows": rows,
    }
    out = options.out or Path(__file__).with_name(f"ablation_{Path(options.data).stem}.json")
    out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

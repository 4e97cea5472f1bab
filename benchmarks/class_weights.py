"""What class weights are to average to: balanced accuracy of the weighted methods by `normalise`.

    python benchmarks/class_weights.py digits --ratio 0.05 --epochs 60 --seeds 0 1 2 3 4
    python benchmarks/class_weights.py cifar10 --data-root FOLDER --model resnet8 --epochs 20 --seeds 0 1

Each method in its plain routine, scored after the last epoch on training rows that the long tail left out (up to 300 a
class), so that the default is not chosen on test rows. A class of which no row is left out (the most frequent one) is
not scored. The entry of the data set in the result file is replaced.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import torch
from policy_steps import left_out

from tailtune.evaluation.metrics import summarise
from tailtune.losses.weights import Normalise
from tailtune.models.build import default_name
from tailtune.run.environment import machine, versions
from tailtune.run.learners import fit_model
from tailtune.settings import Run


def main() -> None:
    """Train each method under each scale of its weights, seed by seed, and write the file after every training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("digits", "cifar10", "cifar100"))
    parser.add_argument("--data-root")
    parser.add_argument("--ratio", type=float, default=0.01)
    parser.add_argument("--model")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--methods", nargs="+", default=["drw", "class_balanced", "ldam_drw", "inverse_frequency"])
    parser.add_argument("--modes", nargs="+", choices=get_args(Normalise), default=list(get_args(Normalise)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run = Run(data=options.data, data_root=options.data_root, ratio=options.ratio, selection="last")
    dataset = left_out(options.data, run)
    model = options.model or default_name("image", dataset.preprocessor.shape(), len(dataset.train))
    run = replace(run, model=model, epochs=options.epochs, batch_size=options.batch_size)
    given = f" --batch-size {options.batch_size}" if options.batch_size else ""
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        for name in options.methods:
            for mode in options.modes:
                fitted = fit_model(replace(run, method=f"{name}(normalise={mode})", seed=seed), dataset)
                assert fitted is not None
                probabilities = fitted.predictor.scores(dataset.test.inputs)
                scores = summarise(dataset.test.targets.numpy(), probabilities, dataset.profile).metrics
                row = {"method": name, "normalise": mode, "seed": seed}
                row |= {key: scores[key] for key in ("balanced_accuracy", "log_loss")}
                row |= {"batch_size": fitted.run.batch_size, "steps": fitted.training.steps}
                rows.append(row)
                print(json.dumps(row), flush=True)
                content = json.loads(options.out.read_text()) if options.out.exists() else {}
                content[options.data] = {
                    "command": f"python benchmarks/class_weights.py {options.data} --model {model} --ratio"
                    f" {options.ratio} --epochs {options.epochs}{given} --methods {' '.join(options.methods)}"
                    f" --modes {' '.join(options.modes)} --seeds {' '.join(map(str, options.seeds))}",
                    "counts": list(dataset.profile.counts),
                    "split_hash": dataset.split_hash,
                    "versions": versions(),
                    "machine": asdict(machine()),
                    "rows": rows,
                }
                options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

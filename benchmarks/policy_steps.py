"""How long a training must be to profit from strong augmentation: balanced accuracy by policy and number of steps.

    python benchmarks/policy_steps.py digits --epochs 30 100 300 1000 --seeds 2 --policies none cutmix
    python benchmarks/policy_steps.py cifar10 --data-root FOLDER --model resnet8 --epochs 15 60

ERM with the tuned routine on the long-tailed training part. Scored on training rows that the long tail left out (up to
300 a class), so that the thresholds in `tailtune.training.recipe` are not chosen on test rows. A class of which no row
is left out (the most frequent one) is not scored.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from tailtune.data.catalog import open_named
from tailtune.data.dataset import Dataset
from tailtune.evaluation.metrics import summarise
from tailtune.methods import tuned
from tailtune.models.build import default_name
from tailtune.run.environment import machine, versions
from tailtune.run.learners import fit_model
from tailtune.settings import Run
from tailtune.training.recipe import resolve


def left_out(name: str, run: Run) -> Dataset:
    """The long-tailed data set with left-out training rows in place of its test part."""
    whole, long_tailed = open_named(name, replace(run, ratio=None)), open_named(name, run)
    free = np.flatnonzero(~np.isin(whole.train.ids, long_tailed.train.ids))
    targets = whole.train.targets.numpy()[free]
    order = np.random.default_rng(0)
    kept = [order.permutation(free[targets == k])[:300] for k in range(len(whole.names))]
    return replace(long_tailed, test=whole.train.take(np.concatenate(kept)))


def main() -> None:
    """Train each policy at each length and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("digits", "cifar10", "cifar100"))
    parser.add_argument("--data-root")
    parser.add_argument("--ratio", type=float, default=0.01)
    parser.add_argument("--model")
    parser.add_argument("--epochs", type=int, nargs="+", required=True)
    parser.add_argument("--policies", nargs="+", default=["flip+crop", "flip+crop+trivialaugment", "flip+crop+cutmix"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run = Run(data=options.data, data_root=options.data_root, ratio=options.ratio, selection="last")
    dataset = left_out(options.data, run)
    model = options.model or default_name("image", dataset.preprocessor.shape(), len(dataset.train))
    out = options.out or Path(__file__).with_name(f"policy_steps_{options.data}.json")
    rows = []
    for epochs in options.epochs:
        routine = resolve(replace(run, model=model, epochs=epochs), tuned(dataset.profile), dataset)
        for policy in options.policies:
            scores, steps = [], 0
            for seed in range(options.seeds):
                fitted = fit_model(replace(routine, method="erm", policy=policy, seed=seed), dataset)
                assert fitted is not None
                probabilities = fitted.predictor.scores(dataset.test.inputs)
                scores.append(summarise(dataset.test.targets.numpy(), probabilities, dataset.profile).metrics)
                steps = fitted.training.steps
            balanced = [s["balanced_accuracy"] for s in scores]
            row = {"policy": policy, "epochs": epochs, "steps": steps, "seeds": options.seeds}
            row |= {"balanced_accuracy": statistics.fmean(balanced), "values": balanced}
            row |= {"log_loss": statistics.fmean(s["log_loss"] for s in scores), "seconds": fitted.training.seconds}
            rows.append(row)
            print(json.dumps(row), flush=True)
            content = {
                "command": f"python benchmarks/policy_steps.py {options.data} --model {model} --ratio {options.ratio}"
                f" --epochs {' '.join(map(str, options.epochs))} --policies {' '.join(options.policies)}"
                f" --seeds {options.seeds}",
                "batch_size": routine.batch_size,
                "counts": list(dataset.profile.counts),
                "split_hash": dataset.split_hash,
                "versions": versions(),
                "machine": asdict(machine()),
                "rows": rows,
            }
            out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

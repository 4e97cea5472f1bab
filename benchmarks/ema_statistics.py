"""BatchNorm statistics for averaged weights: ways to find them, how good they are, what they cost.

    python benchmarks/ema_statistics.py CASE DATA [name=value ...] [--seeds N] [--rows N ...] [--out FILE]

The tuned recipe's network, batch size, learning rate, weight decay, policy and weight average (or what name=value says
of a run's fields) train with cross-entropy. After every epoch the average is scored with statistics that were found in
several ways: of the live network, averaged with the weights' own decay, or computed anew over some training rows, which
are as they are (plain), augmented, or augmented and mixed as a step sees them (fed). Seconds of the ways and of the
training are taken in one process, one after the other, and quoted as shares.

Then tailtune itself trains, by `tuned` and by `ema`, and the seconds that its own rule takes are quoted as a share of
all seconds of training and validation. Scores are of validation rows; test rows are not looked at. The case is added
to FILE, in place of an older one.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from tailtune.bayes.batchnorm import recompute_batchnorm
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.methods.resolve import build as build_method
from tailtune.models.build import build, default_name
from tailtune.optim.ema import WeightEMA
from tailtune.optim.schedules import warmup_cosine
from tailtune.run.environment import command, machine, versions
from tailtune.run.learner import Job
from tailtune.run.learners.networks import fit
from tailtune.settings import Resolved, ResolvedTraining, Run
from tailtune.training.augmentation import augmentation
from tailtune.training.decay import undecayed
from tailtune.training.inputs import Inputs, channels_last
from tailtune.training.optimiser import base_optimiser
from tailtune.training.recipe import resolve
from tailtune.training.running_statistics import RunningStatistics
from tailtune.training.validate import validate

DEVICE = torch.device("cpu")
BATCH = 128  # rows
SETTINGS = ("model", "epochs", "batch_size", "lr", "weight_decay", "warmup", "ema", "policy")


def buffers(model: nn.Module) -> list[torch.Tensor]:
    """Running means and variances."""
    return [b for b in model.buffers() if b.is_floating_point()]


def training_inputs(inputs: Inputs, kind: str, rows: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Inputs of up to `rows` random training rows, in batches; `kind` is "plain", "augmented" or "fed"."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(inputs.targets), generator=generator)[:rows]
    for index in order.tensor_split(-(-len(order) // BATCH)):
        (pixels,), targets = inputs.take(index)
        if kind == "plain":
            pixels = inputs.augment.normalise(pixels)
        else:
            augment = inputs.augment if kind == "fed" else inputs.augment.without_mixing
            pixels, _ = augment(pixels, targets, inputs.num_classes, generator)
        yield channels_last(pixels)


def trained(
    dataset: Dataset, run: ResolvedTraining, seed: int, ways: dict[str, tuple[str, int]]
) -> list[dict[str, Any]]:
    """Train with `seed`; return for each epoch the scores and the seconds of every way, and the seconds of training."""
    torch.manual_seed(seed)
    k, generator = len(dataset.names), torch.Generator().manual_seed(seed)
    augment = augmentation(dataset.preprocessor, run)
    inputs = Inputs.of(dataset.train, k, augment, DEVICE)
    held_out = Inputs.of(dataset.val, k, augment, DEVICE)
    model = build(run.model, dataset.preprocessor.shape(), k)
    optimiser = base_optimiser(model.named_parameters(), run, undecayed(model))
    ema, averaged = WeightEMA(model, run.ema, warmup=True), [b.clone() for b in buffers(model)]
    per_epoch = len(inputs.targets) // run.batch_size
    rows = []
    for epoch in range(run.epochs):
        began = time.perf_counter()
        model.train()
        order = torch.randperm(len(inputs.targets), generator=generator)
        for step in range(per_epoch):
            done = epoch * per_epoch + step
            factor = warmup_cosine(done, run.epochs * per_epoch, int(run.warmup * run.epochs * per_epoch))
            for group in optimiser.param_groups:
                group["lr"] = run.lr * factor
            (pixels,), targets = inputs.take(order[step * run.batch_size : (step + 1) * run.batch_size])
            pixels, targets = augment(pixels, targets, k, generator)
            loss = nn.functional.cross_entropy(model(*channels_last(pixels)), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            ema.update()
            decay = min(ema.decay, (1 + ema.steps) / (10 + ema.steps))
            with torch.no_grad():
                torch._foreach_lerp_(averaged, buffers(model), 1 - decay)
        row: dict[str, Any] = {"epoch": epoch + 1, "training_seconds": time.perf_counter() - began, "ways": {}}
        for name, way in ways.items():
            with ema.average_parameters():
                began = time.perf_counter()
                if name == "averaged":
                    torch._foreach_copy_(buffers(model), averaged)
                elif name != "live":
                    kind, count = way
                    recompute_batchnorm(model, training_inputs(inputs, kind, count))
                seconds = time.perf_counter() - began
                scores = validate(model, held_out, dataset.profile, nullcontext)
                row["ways"][name] = asdict(scores) | {"seconds": seconds}
        rows.append(row)
        print(
            epoch + 1,
            *(f"{name} {s['balanced_accuracy']:.3f} {s['log_loss']:.3f}" for name, s in row["ways"].items()),
            sep=" | ",
            flush=True,
        )
    return rows


def summary(runs: list[list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """For each way: scores over the epochs (mean, worst, last; all over seeds) and its share of an epoch's seconds."""
    table = {}
    for name in runs[0][0]["ways"]:
        accuracy = [[row["ways"][name]["balanced_accuracy"] for row in rows] for rows in runs]
        loss = [[row["ways"][name]["log_loss"] for row in rows] for rows in runs]
        falls = [max(a - b for a, b in pairwise(rows)) for rows in accuracy]
        shares = [row["ways"][name]["seconds"] / row["training_seconds"] for rows in runs for row in rows]
        table[name] = {
            "balanced_accuracy_mean": statistics.mean(statistics.mean(rows) for rows in accuracy),
            "balanced_accuracy_last": statistics.mean(rows[-1] for rows in accuracy),
            "largest_fall": statistics.mean(falls),
            "log_loss_mean": statistics.mean(statistics.mean(rows) for rows in loss),
            "log_loss_last": statistics.mean(rows[-1] for rows in loss),
            "share_of_epoch": statistics.median(shares),
        }
    return table


def value_of(text: str) -> Any:
    """A number, None or boolean, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def cost(run: Run, dataset: Dataset, method: str) -> float:
    """Return the share of a training's seconds, validation included, that `RunningStatistics.renew` takes."""
    spent = 0.0
    renew = RunningStatistics.renew

    def timed(statistics_: RunningStatistics, progress: float) -> None:
        nonlocal spent
        began = time.perf_counter()
        renew(statistics_, progress)
        spent += time.perf_counter() - began

    with mock.patch.object(RunningStatistics, "renew", timed):
        fitted = fit(replace(run, method=method), dataset, Job())
    assert fitted is not None
    return spent / fitted.training.seconds


def main() -> None:
    """Train on every seed, measure the cost, and write the case into the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("data")
    parser.add_argument("settings", nargs="*", help="fields of Run, as name=value")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--cost-epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = {name: value_of(text) for name, text in (pair.split("=", 1) for pair in options.settings)}
    asked = Run(data=options.data, **settings)
    dataset = open_dataset(asked)
    model = asked.model or default_name("image", dataset.preprocessor.shape(), len(dataset.train))
    named = Resolved(**vars(asked) | {"model": model, "method": "tuned"})
    run = resolve(named, build_method("tuned", dataset.profile), dataset)
    kinds = ["plain"] if run.policy == "none" else ["plain", "augmented"]
    kinds += ["fed"] if "mix" in run.policy else []
    ways: dict[str, tuple[str, int]] = {"live": ("", 0), "averaged": ("", 0)}
    ways |= {f"{kind} {rows}": (kind, rows) for kind in kinds for rows in options.rows}
    runs = [trained(dataset, run, seed, ways) for seed in range(options.seeds)]
    short = replace(named, epochs=options.cost_epochs, selection="validation", threads=1)
    content = {
        "command": command(),
        "data": dataset.source,
        "split_hash": dataset.split_hash,
        "versions": versions(),
        "machine": asdict(machine()),
        "settings": {name: getattr(run, name) for name in SETTINGS},
        "seeds": options.seeds,
        "rows": len(dataset.train),
        "validation_rows": len(dataset.val),
        "summary": summary(runs),
        "share_of_training": {
            "tuned": [cost(short, dataset, "tuned") for _ in range(3)],
            "ema": [cost(short, dataset, f"ema(decay={run.ema})") for _ in range(3)],
        },
        "scores": [[{"epoch": row["epoch"], **scores_of(row)} for row in rows] for rows in runs],
    }
    print(json.dumps(content["summary"], indent=1), content["share_of_training"])
    cases = json.loads(options.out.read_text()) if options.out.exists() else {}
    pairs = re.compile(r"\[\s+([-\d.e]+),\s+([-\d.e]+)\s+\]")  # a line each
    text = json.dumps(cases | {options.case: content}, indent=1)
    options.out.write_text(pairs.sub(r"[\1, \2]", text) + "\n")


def scores_of(row: dict[str, Any]) -> dict[str, list[float]]:
    """Balanced accuracy and log loss of every way after one epoch."""
    return {
        name: [round(scores["balanced_accuracy"], 4), round(scores["log_loss"], 4)]
        for name, scores in row["ways"].items()
    }


if __name__ == "__main__":
    main()

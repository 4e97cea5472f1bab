"""Which epoch to keep where validation rows are few: the best, or one within a standard error of it, on seven tables.

    python benchmarks/selection_smoothing.py --data-root FOLDER [--rows 2000] [--seeds 3] [--draws 40] [--threads 1]
        [--tables adult otto covertype comb smooth digits rare] [--out benchmarks/selection_smoothing.json]

Tables and parts are those of benchmarks/selection.py; of each `--rows` training rows are drawn. A training of the tuned
recipe runs to its planned end. Its log loss of every validation row after every epoch is kept, and 50, 100, 200 or 400
of the rows that choose are drawn `--draws` times; each rule picks an epoch on them, which is scored on the other half
of the validation rows, its log loss also after a temperature that was found on the drawn rows, as decisions do. Test
rows are never looked at. All rules stand on the same trainings, which the seed changes.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import selection  # its further table, where `opened` looks
import torch
from frequencies import GENERATED, opened
from paired import over_seeds, paired
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss

from tailtune.run.learners import fit_model
from tailtune.training import loop
from tailtune.training.probabilities import logits_of

assert selection
MEASURES = ("log_loss", "calibrated_log_loss", "balanced_accuracy", "rarest_average_precision")
TEMPERATURES = np.geomspace(0.5, 4, 25)
SIZES = (50, 100, 200, 400)
SCORED = 5000  # rows, at most, that judge an epoch
Floats = np.ndarray


def within(losses: Floats, best: int, errors: float = 1.0) -> np.ndarray:
    """Epochs whose mean loss is at most so many standard errors of the paired difference above that of the best."""
    gaps = losses - losses[best]
    spread = gaps.std(axis=1, ddof=1) / gaps.shape[1] ** 0.5
    return np.flatnonzero(gaps.mean(axis=1) <= errors * spread)


def best(losses: Floats) -> int:
    """The lowest mean of losses [E, N], the later of equals: what is done without smoothing."""
    means = losses.mean(axis=1)
    return int(np.flatnonzero(means == means.min())[-1])


def of_three(losses: Floats) -> int:
    """The lowest mean over an epoch and its neighbours."""
    means = np.pad(losses.mean(axis=1), 1, mode="edge")
    return best(np.stack([means[:-2], means[1:-1], means[2:]], axis=1))


RULES: dict[str, Callable[[Floats], int]] = {
    "best": best,
    "latest within a standard error": lambda losses: int(within(losses, best(losses))[-1]),
    "latest within half of it": lambda losses: int(within(losses, best(losses), 0.5)[-1]),
    "earliest within a standard error": lambda losses: int(within(losses, best(losses))[0]),
    "middle within a standard error": lambda losses: int(np.median(within(losses, best(losses)))),
    "best mean of three": of_three,
    "last": lambda losses: len(losses) - 1,
}


def at_temperatures(p: Floats, y: np.ndarray) -> Floats:
    """Log loss of rows at each temperature [N, T], of probabilities [N, K] and classes [N]."""
    logits = np.log(np.maximum(p, 1e-12))
    of_truth = logits[np.arange(len(y)), y]
    return np.stack([np.log(np.exp(logits / t).sum(axis=1)) - of_truth / t for t in TEMPERATURES], axis=1)


def trained(table: str, options: argparse.Namespace, seed: int) -> tuple[Floats, Floats, dict[str, Floats], Any]:
    """Return losses [E, N] of the rows that choose, the same at each temperature [E, N, T], figures of the others [E],
    log loss at each temperature [E, T], and the data set.
    """
    run, dataset, held = opened(table, options, seed)
    assert dataset.val is not None
    assert held.val is not None
    chosen, judge = len(dataset.val), held.val.take(np.arange(min(SCORED, len(held.val))))
    y, epochs = dataset.val.joined(judge).targets.numpy(), list[Floats]()
    validate = loop.validate

    def watched(model: Any, inputs: Any, profile: Any, autocast: Any, *rest: Any) -> Any:
        logits = logits_of(model, inputs.sources, inputs.augment, inputs.targets.device, autocast)
        epochs.append(logits.double().softmax(1).cpu().numpy())
        return validate(model, inputs, profile, autocast, *rest)

    with patch.object(loop, "validate", watched):
        fit_model(replace(run, patience=0), replace(dataset, val=dataset.val.joined(judge)))
    p = np.stack(epochs)
    losses = -np.log(np.maximum(p[:, np.arange(len(y)), y], 1e-12))
    counts, truth = np.array(dataset.profile.counts), y[chosen:]
    rarest = int(np.argmin(np.where(counts > 0, counts, np.inf)))
    figures = [
        {
            "log_loss": log_loss(truth, each, labels=range(len(counts))),
            "calibrated_log_loss": at_temperatures(each, truth).mean(axis=0),
            "balanced_accuracy": balanced_accuracy_score(truth, each.argmax(1)),
            "rarest_average_precision": average_precision_score(truth == rarest, each[:, rarest]),
        }
        for each in p[:, chosen:]
    ]
    heated = np.stack([at_temperatures(each, y[:chosen]) for each in p[:, :chosen]])
    return losses[:, :chosen], heated, {m: np.array([f[m] for f in figures]) for m in MEASURES}, dataset


def measured(table: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Every rule on one table and seed, by the number of rows that choose."""
    losses, heated, figures, dataset = trained(table, options, seed)
    rng, sizes, there = np.random.default_rng(seed), [], losses.shape[1]
    for size in (size for size in SIZES if size <= there):
        found: dict[str, list[dict[str, float]]] = {rule: [] for rule in RULES}
        for _ in range(options.draws):
            rows = rng.choice(there, size, replace=False)
            for rule, pick in RULES.items():
                at = pick(losses[:, rows])
                temperature = heated[at][rows].mean(axis=0).argmin()
                scored = {m: figures[m][at] for m in MEASURES}
                scored["calibrated_log_loss"] = scored["calibrated_log_loss"][temperature]
                found[rule].append({"epoch": 1.0 + at} | scored)
        rules = {
            rule: {key: round(statistics.fmean(float(each[key]) for each in every), 5) for key in every[0]}
            for rule, every in found.items()
        }
        sizes.append({"rows": size, "rules": rules})
        print(table, seed, size, {rule: each["calibrated_log_loss"] for rule, each in rules.items()}, flush=True)
    return {
        "table": table,
        "seed": seed,
        "counts": list(dataset.profile.counts),
        "epochs": len(losses),
        "rows": {"train": len(dataset.train), "choose": there},
        "split_hash": dataset.split_hash,
        "sizes": sizes,
    }


def differences(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each rule less the best epoch on the same training and draws, over seeds."""
    lines = []
    for table in dict.fromkeys(result["table"] for result in results):
        runs = [result["sizes"] for result in results if result["table"] == table]
        for place, size in enumerate(runs[0]):
            for rule in list(RULES)[1:]:
                line: dict[str, Any] = {"table": table, "rows": size["rows"], "rule": rule}
                for m in MEASURES:
                    line[m] = paired(*([run[place]["rules"][each][m] for run in runs] for each in ("best", rule)))
                lines.append(line)
    return lines


def main() -> None:
    """Measure every table and seed and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tables", nargs="+", default=["adult", "otto", "covertype", *GENERATED])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    options.epochs = None
    torch.set_num_threads(options.threads)
    over_seeds(options, options.tables, measured, differences)


if __name__ == "__main__":
    main()

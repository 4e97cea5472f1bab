"""What averaging over a picture and its mirror image gives a trained network, on rows kept aside from training.

    python benchmarks/flip_averaging.py --data-root FOLDER [--data cifar10 ham10000] [--seeds 3] [--steps 4000]
        [--model resnet8] [--out benchmarks/flip_averaging.json]

Each training is the default's for so many steps. The network is then decided on its validation rows twice, with the
average and without, as `tailtune fit` does, and both are scored on training rows of the official sets that neither
training nor decisions saw; test rows are not looked at. Weights are the same in both, so differences are paired.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from paired import of_arms, over_seeds
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.decision.use import HeldOut, fit_use
from tailtune.run.decide import asked_of
from tailtune.run.learners import fit_model
from tailtune.settings import Run

SETS: dict[str, dict[str, Any]] = {
    "cifar10": {
        "data": "tailtune.paper.held_out:cifar10",
        "ratio": 0.01,
        "objective": "balanced_accuracy",
        "deploy_prior": "uniform",
    },
    "ham10000": {"data": "tailtune.paper.held_out:ham10000_whole", "image_size": 32},
}
MEASURES = ("log_loss", "balanced_accuracy", "macro_f1", "macro_average_precision", "rarest_average_precision")


def measured(name: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One training, scored with the average and without."""
    run = Run(
        **SETS[name], data_root=options.data_root, seed=seed, split_seed=seed, model=options.model, threads=1,
        batch_size=64,
    )  # fmt: skip
    opened = open_dataset(run)
    targets = opened.train.targets.numpy()
    train, val = train_test_split(
        np.arange(len(targets)), test_size=run.val_fraction, stratify=targets, random_state=seed
    )
    dataset = replace(opened, train=opened.train.take(np.sort(train)), val=opened.train.take(np.sort(val)))
    assert dataset.val is not None
    epochs = math.ceil(options.steps / (len(dataset.train) // 64))
    fitted = fit_model(replace(run, epochs=epochs), dataset)
    assert fitted is not None
    asked = asked_of(run, dataset.profile, dataset.deployment)
    arms = []
    for average in (False, True):
        predictor = replace(fitted.predictor, recalibration=None, answer=None, flip_averaging=average)
        held_out = HeldOut.of(predictor.scores(dataset.val.inputs), dataset.val)
        use = fit_use(asked, fitted.implied, dataset.profile, held_out)
        probabilities = use.recalibration(predictor.scores(dataset.test.inputs))
        arms.append({"flip_averaging": average} | figures(probabilities, use.answer(probabilities), dataset))
        print(name, seed, arms[-1], flush=True)
    return {
        "data": name,
        "seed": seed,
        "policy": fitted.run.policy,
        "steps": fitted.training.steps,
        "split_hash": dataset.split_hash,
        "rows": {"train": len(dataset.train), "decide": len(dataset.val), "score": len(dataset.test)},
        "arms": arms,
    }


def figures(probabilities: np.ndarray, answers: np.ndarray, dataset: Dataset) -> dict[str, float]:
    """The measures of probabilities in use [N, K] and answers [N]."""
    targets, k = dataset.test.targets.numpy(), len(dataset.names)
    each = [average_precision_score(targets == c, probabilities[:, c]) for c in range(k)]
    rarest = np.argsort(dataset.profile.counts)[: max(1, k // 5)]
    values = (
        log_loss(targets, probabilities, labels=range(k)),
        balanced_accuracy_score(targets, answers),
        f1_score(targets, answers, average="macro"),
        np.mean(each),
        np.mean([each[c] for c in rarest]),
    )
    return {name: round(float(value), 5) for name, value in zip(MEASURES, values, strict=True)}


def main() -> None:
    """Measure every data set and seed and write the file, whole after each training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--data", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--model", default="resnet8")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    over_seeds(
        options, options.data, measured, lambda results: of_arms(results, MEASURES, ("flip_averaging",), data="data")
    )


if __name__ == "__main__":
    main()

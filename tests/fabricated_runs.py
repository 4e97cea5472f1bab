"""Runs made up from predictions, so that reports are tested without training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tailtune.decision.objective import read_objective
from tailtune.decision.recalibration import unfitted
from tailtune.decision.use import Asked
from tailtune.evaluation.bootstrap import intervals, paired_difference
from tailtune.evaluation.metrics import summarise
from tailtune.profile import ClassProfile
from tailtune.run.balances import at_balances
from tailtune.run.finished import Finished
from tailtune.run.folder import Answered, Predictions
from tailtune.run.measured import at_same_alarms
from tailtune.run.points import operating_points
from tailtune.run.result import SCHEMA, Result
from tailtune.settings import Resolved


class Made(NamedTuple):
    """What the page of a run is made of."""

    result: Result
    history: list[dict[str, Any]]
    predictions: Predictions

    def changed(self, change: Callable[[dict[str, Any]], object]) -> Made:
        """The same with a result whose content `change` has changed in place."""
        content = msgspec.to_builtins(self.result)
        change(content)
        return self._replace(result=msgspec.convert(content, Result))

    def finished(self, folder: Path = Path("run")) -> Finished:
        """The handle to it."""
        run = Finished.made(folder, self.result, self.predictions)
        run.history = self.history
        return run


def fabricate(
    train: tuple[int, ...],
    test: tuple[int, ...],
    names: tuple[str, ...],
    kind: str = "table",
    lifts: dict[str, tuple[float, float]] | None = None,
    seed: int = 0,
) -> Made:
    """Return a run that never was, of random predictions.

    `lifts` gives each system how strongly its logits point to the true class, in the largest class and in the
    smallest; the first is the model. "majority" is the constant guess.
    """
    profile = ClassProfile(train, names)
    lifts = lifts or {"tuned": (4.2, 2.6), "xgboost": (4.4, 2.0), "majority": (0, 0)}
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(test)), test))
    rank = np.argsort(np.argsort(-np.array(train), kind="stable")) / (len(train) - 1)
    shared = 1.6 * rng.normal(size=(len(targets), len(train)))
    probabilities: dict[str, np.ndarray] = {}
    for name, (head, tail) in lifts.items():
        logits = shared + rng.normal(size=shared.shape)
        logits[np.arange(len(targets)), targets] += head + (tail - head) * rank[targets]
        if name == "majority":
            logits = np.broadcast_to(np.log(np.maximum(profile.priors, 1e-6)), shared.shape)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities[name] = p / p.sum(axis=1, keepdims=True)
    return assemble(profile, targets, probabilities, kind=kind)


def assemble(
    profile: ClassProfile,
    targets: np.ndarray,
    probabilities: dict[str, np.ndarray],
    weights: dict[str, np.ndarray] | None = None,
    kind: str = "table",
) -> Made:
    """Return a run of given test probabilities [N, K] by system, the model first.

    A system answers the largest weighted probability, by `weights` [K]; of those without any, the likeliest class.
    """
    train, names, weights = profile.counts, profile.names, weights or {}
    test = np.bincount(targets, minlength=len(train))
    answered = {name: Answered(p, (p * weights.get(name, 1.0)).argmax(axis=1)) for name, p in probabilities.items()}
    systems: list[dict[str, Any]] = []
    model = next(iter(answered.values()))
    labels = {"xgboost": "XGBoost", "majority": "majority class", "erm": "plain ERM"}
    for i, (name, found) in enumerate(answered.items()):
        label = labels.get(name, f"{name} ({'mlp-plr' if kind == 'table' else 'resnet20'})")
        system = system_of(name, label, targets, found, profile)
        if i:
            pair, answers = (model.probabilities, found.probabilities), (model.answers, found.answers)
            system["role"] = "baseline"
            system["difference"] = paired_difference(targets, *pair, profile, resamples=200, answers=answers)
            system["same_alarms"] = at_same_alarms(targets, pair, model.answers, profile, 200)
        systems.append(system)
    first, *others = answered
    recalibration = unfitted(profile.priors, profile)
    asked = Asked(read_objective("macro_f1"), mode="prior")
    predictions = Predictions(
        ids=np.arange(len(targets)).astype(str),
        targets=targets,
        model=model,
        scores=model.probabilities,
        implied=profile.priors,
        baselines={name: answered[name] for name in others},
    )
    use = (asked, recalibration, profile, predictions)
    as_scored = Answered(model.probabilities, model.probabilities.argmax(axis=1))
    history = [
        {
            "epoch": epoch,
            "step": 75 * epoch,
            "lr": 0.05,
            "train_loss": 0.35 + 0.9 * float(np.exp(-epoch / 3)),
            "val_loss": 0.42 + 0.8 * float(np.exp(-epoch / 2.5)) + 0.006 * epoch,
            "val_balanced_accuracy": 0.8 - 0.4 * float(np.exp(-epoch / 3)),
            "val_tail_accuracy": 0.7 - 0.6 * float(np.exp(-epoch / 4)),
            "seconds": 3.2,
        }
        for epoch in range(1, 13)
    ]
    resolved = Resolved(
        data="adult", target="income", model="mlp-plr", method="tuned", out="runs/adult", epochs=20, ignore=("notes",)
    )
    content = {
        "schema": SCHEMA,
        "tailtune": "0.1.0",
        "command": "tailtune fit adult --target income --out runs/adult",
        "finished": "2025-05-04T12:30:00+00:00",
        "kind": kind,
        "headline": None,
        "measures": [],
        "versions": {"python": "3.12.3", "torch": "2.9.0", "numpy": "2.1.0", "xgboost": "2.1.3"},
        "machine": {"processor": "a processor", "cores": 2, "memory_gb": 7.8, "gpu": None, "system": "Linux"},
        "data": {
            "source": "adult" if kind == "table" else "photos",
            "split": "official",
            "split_hash": "9f86d081884c7d65",
            "names": list(names),
            "counts": {"train": list(train), "val": [n // 6 for n in train], "test": test.tolist()},
            "features": {"numeric": 6, "categorical": 8}
            if kind == "table"
            else {"channels": 3, "height": 32, "width": 32},
            "left_out": [{"what": "column notes", "why": "free text: 98 % of its values are different"}],
            "warnings": [],
        },
        "systems": systems,
        "undecided": system_of(first, f"{systems[0]['label']}, before its decision", targets, as_scored, profile),
        "decision": {
            "objective": "macro_f1",
            "words": "macro F1",
            "mode": "fitted",
            "deployment": recalibration.deployment.tolist(),
            "stated": "train",
            "form": "temperature",
            "temperature": 1.25,
            "tau": 1.0,
            "rows": 4123,
            "notes": [],
        },
        "points": operating_points(*use),
        "balances": at_balances(*use, 200),
        "training": {
            "epochs": 12,
            "planned_epochs": 20,
            "steps": 900,
            "seconds": 134.2,
            "best_epoch": 9,
            "stopped": "early: 3 epochs without a better validation score",
            "selection": "validation",
            "selection_note": "The weights of epoch 9 were kept for their validation balanced accuracy.",
            "warnings": [],
            "peak_memory_mb": 812,
            "parameters": 123456,
            "members": 1,
            "precision": "32",
            "device": "cpu",
            "seconds_per_step": 0.0123,
        },
        "run": asdict(resolved),
    }
    return Made(msgspec.convert(msgspec.to_builtins(content), Result), history, predictions)


def system_of(name: str, label: str, targets: np.ndarray, found: Answered, profile: ClassProfile) -> dict[str, Any]:
    """A system of a result, ready for JSON."""
    figures = summarise(targets, found.probabilities, profile, answers=found.answers)
    return {
        "name": name,
        "label": label,
        "role": "model",
        "seconds": 12.3,
        "intervals": intervals(targets, found.probabilities, profile, resamples=200, answers=found.answers),
        **vars(figures),
    }


def adult(**changes: Any) -> Made:
    """A table with two classes, its model ahead of XGBoost."""
    return fabricate((24720, 7841), (3109, 962), ("<=50K", ">50K"), **changes)


def photos(**changes: Any) -> Made:
    """Long-tailed pictures of ten classes, the rarest with 12 test rows."""
    settings: dict[str, Any] = {
        "train": (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50),
        "test": (100,) * 7 + (30, 25, 12),
        "names": ("aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "lorry"),
        "kind": "image",
        "lifts": {"tuned": (3.6, 2.2), "erm": (3.6, 1.2)},
    }
    return fabricate(**(settings | changes))


def species(**changes: Any) -> Made:
    """Long-tailed pictures of a hundred classes."""
    train = tuple(int(500 * 0.01 ** (i / 99)) for i in range(100))
    lifts = {"tuned": (6.0, 4.2), "erm": (6.0, 3.2), "majority": (0.0, 0.0)}
    settings: dict[str, Any] = {
        "names": tuple(f"species number {i}" for i in range(100)),
        "kind": "image",
        "lifts": lifts,
    }
    return fabricate(train, (20,) * 100, **(settings | changes))

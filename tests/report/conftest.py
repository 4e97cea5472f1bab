"""Run folders made up from random predictions, so that the report is tested without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailtune.evaluation.bootstrap import intervals, paired_difference
from tailtune.evaluation.metrics import summarise
from tailtune.profile import ClassProfile
from tailtune.run.finished import Finished
from tailtune.run.folder import DONE
from tailtune.run.result import SCHEMA
from tailtune.settings import Run

LISTS = ("per_class", "confusion", "reliability", "absent")


def fabricate(
    train: tuple[int, ...],
    test: tuple[int, ...],
    names: tuple[str, ...],
    kind: str = "table",
    lifts: dict[str, tuple[float, float]] | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return result.json, metrics.jsonl and predictions.npz of a run that never was.

    `lifts` gives each system how strongly its logits point to the true class, in the largest class and in the
    smallest; the first is the model. "majority" is the constant guess.
    """
    profile = ClassProfile(train, names)
    lifts = lifts or {"tuned": (4.2, 2.6), "xgboost": (4.4, 2.0), "majority": (0, 0)}
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(test)), test))
    rank = np.argsort(np.argsort(-np.array(train), kind="stable")) / (len(train) - 1)
    shared = 1.6 * rng.normal(size=(len(targets), len(train)))
    systems, predictions = [], {"ids": np.arange(len(targets)), "targets": targets}
    labels = {"xgboost": "XGBoost", "majority": "majority class", "erm": "plain ERM"}
    for i, (name, (head, tail)) in enumerate(lifts.items()):
        logits = shared + rng.normal(size=shared.shape)
        logits[np.arange(len(targets)), targets] += head + (tail - head) * rank[targets]
        if name == "majority":
            logits = np.broadcast_to(np.log(np.maximum(profile.priors, 1e-6)), shared.shape)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        predictions["probabilities" if i == 0 else f"baseline_{name}"] = p.astype(np.float32)
        figures = summarise(targets, p, profile)
        system = {
            "name": name,
            "label": labels.get(name, f"{name} ({'mlp-plr' if kind == 'table' else 'resnet20'})"),
            "role": "baseline" if i else "model",
            "seconds": 12.3,
            "metrics": {key: value for key, value in figures.items() if key not in LISTS},
            "intervals": intervals(targets, p, profile, resamples=200),
            **{key: figures[key] for key in LISTS},
        }
        if i:
            model = predictions["probabilities"]
            system["difference"] = paired_difference(targets, model, p, profile, resamples=200)
        systems.append(system)
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
    result = {
        "tailtune": "0.1.0",
        "command": "tailtune fit adult --target income --out runs/adult",
        "finished": "2025-05-04T12:30:00+00:00",
        "schema": SCHEMA,
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
            "counts": {"train": list(train), "val": [n // 6 for n in train], "test": list(test)},
            "features": {"numeric": 6, "categorical": 8}
            if kind == "table"
            else {"channels": 3, "height": 32, "width": 32},
            "left_out": [{"what": "column notes", "why": "free text: 98 % of its values are different"}],
            "warnings": [],
        },
        "advice": [
            {
                "code": "TT001",
                "title": "Train with small batches",
                "finding": "Under imbalance small batches did better than large ones, most of all for rare classes.",
                "recommendation": "Use a batch size of 64; the run did.",
                "level": "consider",
            },
            {
                "code": "TT007",
                "title": "Trust balanced accuracy, not accuracy",
                "finding": "Accuracy is dominated by the largest class.",
                "recommendation": "Compare models on balanced accuracy or on AUPRC.",
                "level": "act",
            },
        ],
        "systems": systems,
        "training": {
            "epochs": 12,
            "planned_epochs": 20,
            "steps": 900,
            "seconds": 134.2,
            "best_epoch": 9,
            "stopped": "early: 3 epochs without a better validation score",
            "selection": "validation",
            "selection_note": "The weights of epoch 9 were kept for their validation balanced accuracy.",
            "peak_memory_mb": 812,
            "parameters": 123456,
            "seconds_per_step": 0.0123,
            "warnings": [],
            "members": 1,
            "precision": "32",
            "device": "cpu",
        },
        "run": asdict(replace(Run(data="adult"), target="income", out="runs/adult", epochs=20, ignore=("notes",)))
        | {"method": "tuned", "model": "mlp-plr"},
    }
    return json.loads(json.dumps(result)), history, predictions


Made = tuple[dict[str, Any], list[dict[str, Any]], dict[str, np.ndarray]]


def adult(**changes: Any) -> Made:
    return fabricate((24720, 7841), (3109, 962), ("<=50K", ">50K"), **changes)


def photos(**changes: Any) -> Made:
    settings = {
        "train": (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50),
        "test": (100,) * 7 + (30, 25, 12),
        "names": ("aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "lorry"),
        "kind": "image",
        "lifts": {"tuned": (3.6, 2.2), "erm": (3.6, 1.2)},
    }
    return fabricate(**(settings | changes))


def species(**changes: Any) -> Made:
    train = tuple(int(500 * 0.01 ** (i / 99)) for i in range(100))
    lifts = {"tuned": (6.0, 4.2), "erm": (6.0, 3.2), "majority": (0.0, 0.0)}
    settings = {"names": tuple(f"species number {i}" for i in range(100)), "kind": "image", "lifts": lifts}
    return fabricate(train, (20,) * 100, **(settings | changes))


@pytest.fixture
def binary_table() -> Callable[..., Made]:
    """A table with two classes, its model ahead of XGBoost."""
    return adult


@pytest.fixture
def ten_images() -> Callable[..., Made]:
    """Long-tailed pictures of ten classes, the rarest with 12 test rows."""
    return photos


@pytest.fixture
def hundred_classes() -> Callable[..., Made]:
    """Long-tailed pictures of a hundred classes."""
    return species


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Finished]:
    """Write a fabricated run as a run folder."""

    def write(result: dict[str, Any], history: list[dict[str, Any]] | None, arrays: dict[str, np.ndarray]) -> Finished:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        (folder / DONE).touch()
        if history is not None:
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history), "utf-8")
        np.savez(folder / "predictions.npz", **{"ids": np.arange(len(arrays["targets"])).astype(str), **arrays})
        return Finished(folder)

    return write

"""The main job on real data: `tailtune fit` on Adult and on CIFAR-10 pictures in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tailtune import Run
from tailtune.data.catalog import open_named
from tailtune.fit import fit

pytestmark = pytest.mark.real


def test_adult_reaches_its_goal(tmp_path: Path) -> None:
    """One seed of the default network on the official test rows; benchmarks/adult.json holds three."""
    finished = fit(Run(data="adult", out=str(tmp_path / "run")), say=lambda sentence: None)
    assert finished is not None
    result = finished.result
    systems = {system.name: system.metrics for system in result.systems}
    assert result.data.split == "official"
    assert sum(result.data.counts.test) == 16_281
    assert result.undecided.metrics["accuracy"] >= 0.865  # the likeliest class; answers for macro F1 give some of it up
    assert systems["xgboost"]["accuracy"] >= 0.862
    assert systems["tuned"]["macro_f1"] >= result.undecided.metrics["macro_f1"] - 0.002
    assert systems["tuned"]["balanced_accuracy"] >= systems["xgboost"]["balanced_accuracy"] - 0.005


def test_a_folder_of_long_tailed_pictures_trains(tmp_path: Path) -> None:
    """A few epochs of ResNet-20 at the default precision on 4,000 real pictures learn far more than chance."""
    root = os.environ["TAILTUNE_DATA"]
    dataset = open_named("cifar10", Run(data="cifar10", data_root=root, ratio=0.02, selection="last"))
    rng = np.random.default_rng(0)
    for part, rows, name in ((dataset.train, 4000, "train"), (dataset.test, 1000, "test")):
        for row in rng.choice(len(part), rows, replace=False):
            folder = tmp_path / "pictures" / name / dataset.names[int(part.targets[row])]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(part.inputs[0][row].numpy().transpose(1, 2, 0)).save(folder / f"{row}.png")
    run = Run(
        data=str(tmp_path / "pictures"),
        model="resnet20",
        method="erm",
        epochs=6,
        batch_size=64,
        selection="last",
        out=str(tmp_path / "run"),
    )
    finished = fit(run, say=lambda sentence: None)
    assert finished is not None
    result = finished.result
    assert result.data.split == "given"
    assert result.model.metrics["balanced_accuracy"] > 0.2
    assert (finished.folder / "report.html").stat().st_size > 50_000


def test_ham10000_trains_by_lesion(tmp_path: Path) -> None:
    """A few epochs of ResNet-8 on 10,015 real pictures, 58 times as many of one class as of another."""
    run = Run(
        data="ham10000",
        data_root=os.environ["TAILTUNE_DATA"],
        image_size=32,
        model="resnet8",
        method="balanced_softmax",
        objective="balanced_accuracy",
        epochs=5,
        batch_size=64,
        selection="last",
        out=str(tmp_path / "run"),
    )
    finished = fit(run, say=lambda sentence: None)
    assert finished is not None
    result = finished.result
    assert result.data.split == "stratified"
    metrics = result.model.metrics
    assert metrics["balanced_accuracy"] > 0.3
    assert metrics["kappa"] is not None

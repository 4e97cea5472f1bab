"""Evidence of runs that have no time, or no mistakes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.run.evidence.gather import SECONDS, gather_evidence, seconds_left
from tailtune.run.evidence.record import FILE, Evidence, read_evidence
from tailtune.run.folder import Answered, Predictions
from tailtune.run.learners import fit_model
from tailtune.settings import Run


def images() -> Dataset:
    """Pictures of three classes of sizes 6 : 3 : 1, brighter from class to class."""
    rng = np.random.default_rng(0)

    def part(n: int, prefix: str) -> Part:
        y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
        pixels = torch.from_numpy((rng.integers(0, 100, (n, 1, 12, 12)) + 70 * y[:, None, None, None]).astype(np.uint8))
        return Part((pixels,), torch.from_numpy(y), np.array([f"{prefix}{i}" for i in range(n)]))

    train = part(90, "t")
    preprocessor = ImagePreprocessor.fit(train.inputs[0])
    return Dataset("image", "made", ("a", "b", "c"), train, part(40, "v"), part(60, "s"), preprocessor, "given", "0")


def table() -> Dataset:
    """A table of two classes, the rarer a fifth."""
    rng = np.random.default_rng(0)
    y = (np.arange(200) % 5 == 0).astype(np.int64)
    frame = pl.DataFrame({"x": rng.normal(size=200) + 2 * y, "z": rng.normal(size=200)})
    preprocessor = TablePreprocessor.fit(frame)

    def part(rows: slice) -> Part:
        ids = np.arange(200)[rows].astype(str)
        return Part(preprocessor.encode(frame[rows]), torch.from_numpy(y[rows]), ids, frame=frame[rows])

    parts = (part(slice(0, 100)), part(slice(100, 130)), part(slice(130, 200)))
    return Dataset("table", "made", ("no", "yes"), *parts, preprocessor, "given", "0")


def gathered(dataset: Dataset, model: str, folder: Path, seconds: float, right: bool = False) -> Evidence:
    run = Run("made", model=model, method="erm", epochs=1, batch_size=32, accelerator="cpu")
    fitted = fit_model(run, dataset)
    assert fitted is not None
    targets = dataset.test.targets.numpy()
    scores = fitted.predictor.scores(dataset.test.inputs)
    answers = targets if right else (targets + 1) % len(dataset.names)
    made = Predictions(dataset.test.ids, targets, Answered(scores, answers), scores, dataset.profile.priors)
    gather_evidence(folder, fitted.predictor, dataset, made, seconds)
    found = read_evidence(folder / FILE)
    assert found is not None
    return found


def test_without_time_it_is_said_and_the_rest_is_there(tmp_path: Path) -> None:
    found = gathered(images(), "resnet8", tmp_path, 0.0)
    assert found.notes == ("There was no time left to say where the network looks.",)
    assert all(mistake.picture and not mistake.saliency for each in found.mistakes for mistake in each.shown)
    found = gathered(table(), "mlp", tmp_path, 0.0)
    assert found.notes == ("There was no time left to look at the influence of columns.",)
    assert found.mistakes
    assert found.influences is None


def test_without_mistakes_there_are_examples_alone(tmp_path: Path) -> None:
    found = gathered(images(), "resnet8", tmp_path, 9.0, right=True)
    assert found.mistakes == ()
    assert len(found.examples) == len(images().names)


def test_every_picture_has_its_own_saliency(tmp_path: Path) -> None:
    found = gathered(images(), "resnet8", tmp_path, 9.0)
    shown = [mistake for each in found.mistakes for mistake in each.shown]
    assert len({mistake.saliency for mistake in shown}) == len(shown)
    assert found.notes == ()


@pytest.mark.parametrize(("ahead", "seconds"), [(None, SECONDS), (600.0, SECONDS), (30.0, 10.0), (-5.0, 0.0)])
def test_evidence_takes_a_third_of_what_is_left(ahead: float | None, seconds: float) -> None:
    assert seconds_left(None if ahead is None else time.monotonic() + ahead) == pytest.approx(seconds, abs=0.1)


def test_few_test_rows_of_the_rarest_class_are_named_as_too_few(tmp_path: Path) -> None:
    dataset = table()
    rare = int(dataset.profile.tail[-1])
    rows = np.flatnonzero(dataset.test.targets.numpy() != rare)
    few = np.flatnonzero(dataset.test.targets.numpy() == rare)[:3]
    found = gathered(replace(dataset, test=dataset.test.take(np.concatenate([rows, few]))), "mlp", tmp_path, 9.0)
    assert found.influences is None
    assert "it takes 10 test rows of the rarest classes" in found.notes[0]

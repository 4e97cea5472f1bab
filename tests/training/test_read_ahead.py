"""Pictures from a file train to the bits of pictures in memory, and the processes that read them are no trouble."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from training_runs import InterruptingLoss

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.interrupt import STOPS, Interrupted
from tailtune.methods.method import Method, Stage
from tailtune.models.build import build
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model
from tailtune.settings import Run
from tailtune.training.assignment import Ground, Trail, Trainee
from tailtune.training.augmentation import augmentation
from tailtune.training.device import make_fabric
from tailtune.training.inputs import Inputs
from tailtune.training.loop import train
from tailtune.training.randomness import initialisation, isolated
from tailtune.training.read_ahead import HostPictures, ReadAhead, stays_on_host, stream
from tailtune.training.recipe import resolve
from tailtune.training.selection import select

CPU = torch.device("cpu")
PIXELS = torch.randint(0, 256, (40, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Runs on the same pictures of mixed sizes, one of which cannot be read, kept in memory and on disk."""
    home = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for k, (name, count) in enumerate((("common", 40), ("middling", 20), ("rare", 10))):
        (home / name).mkdir()
        for i in range(count):
            height, width = rng.integers(8, 24, 2)
            pixels = (rng.integers(0, 100, (height, width, 3)) + 70 * k).astype(np.uint8)
            Image.fromarray(pixels).save(home / name / f"{i}.{'jpg' if i % 2 else 'png'}")
    bad = home / "common" / "7.jpg"
    bad.write_bytes(bad.read_bytes()[:-40])
    run = Run(
        str(home), model="resnet8", epochs=2, batch_size=8, image_size=16, skip_bad_images=True, accelerator="cpu",
        precision="32", policy="flip+crop+trivialaugment+cutmix",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILTUNE_CACHE", str(home.parent / "cache"))
        yield run, replace(run, storage="disk")


def fit(run: Run, folder: Path, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor], NDArray[Any]]:
    run = replace(run, **changes)
    dataset = open_dataset(run)
    folder.mkdir()
    fitted = fit_model(run, dataset, Job(folder))
    assert fitted is not None
    assert isinstance(fitted.predictor.model, torch.nn.Module)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds")
    return rows, fitted.predictor.model.state_dict(), fitted.predictor.probabilities(dataset.test.inputs)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "sama"},
        {"method": "balanced_sampling", "selection": "refit"},
        {"method": "joint_ssl_sama"},
        {"method": "swa"},
        {"method": "crt"},
    ],
    ids=lambda changes: changes["method"],
)
def test_trains_to_the_bits_of_memory(both: tuple[Run, Run], changes: dict[str, Any], tmp_path: Path) -> None:
    rows, weights, probabilities = fit(both[0], tmp_path / "memory", **changes)
    same_rows, same_weights, same_probabilities = fit(both[1], tmp_path / "disk", **changes)
    assert rows == same_rows
    assert_same(weights, same_weights)
    np.testing.assert_array_equal(probabilities, same_probabilities)
    assert not multiprocessing.active_children()


def test_a_time_budget_is_fitted(both: tuple[Run, Run], tmp_path: Path) -> None:
    rows, _, probabilities = fit(both[1], tmp_path / "disk", method="erm", minutes=0.02, epochs=None)
    assert np.isfinite([row["train_loss"] for row in rows]).all()
    np.testing.assert_allclose(probabilities.sum(1), 1)


@pytest.mark.parametrize("stop", [3, 8])
def test_resumes_from_the_middle_of_an_epoch(both: tuple[Run, Run], stop: int, tmp_path: Path) -> None:
    method = Method("own", (Stage(loss=InterruptingLoss(stop)),))

    def trained(run: Run, **how: Any) -> dict[str, torch.Tensor]:
        dataset: Dataset = open_dataset(run)
        run = resolve(run, method, dataset)
        fabric = make_fabric(run, "32")
        augment = augmentation(dataset.preprocessor, run)
        with isolated(fabric.device):
            with initialisation(run.seed):
                model = build("resnet8", dataset.preprocessor.shape(), 3)
            trainee = Trainee(model, method.stages[0], select(run, dataset)[0])
            train(trainee, Ground(dataset, run, fabric, augment), trail=Trail(**how))
        return model.state_dict()

    with pytest.raises(Interrupted, match=f"step {stop} of"):
        trained(both[1], folder=tmp_path)
    assert not multiprocessing.active_children()
    resumed = trained(both[1], folder=tmp_path, resume=True)
    assert_same(resumed, trained(both[0]))


def test_every_way_to_read_gives_the_rows_of_memory(both: tuple[Run, Run]) -> None:
    here, there = (open_dataset(run) for run in both)
    augment = augmentation(here.preprocessor, both[0])
    memory, disk = (Inputs.of(data.train, 3, augment, CPU) for data in (here, there))
    for a, b in zip(memory.batches(16), disk.batches(16), strict=True):
        assert torch.equal(a[0], b[0])
    order = torch.randperm(len(here.train)).split(10)
    for a, b in zip(memory.stored(order), disk.stored(order), strict=True):
        assert torch.equal(a[0], b[0])
    with disk.reading():
        for batches in (order, order[2:], ()):  # a second epoch, and an epoch that is begun in the middle
            disk.read_ahead(batches)
            for index in batches:
                (a,), targets = disk.take(index)
                (b,), same_targets = memory.take(index)
                assert torch.equal(a, b)
                assert torch.equal(targets, same_targets)


def test_nothing_is_started_for_what_lies_on_the_device(both: tuple[Run, Run]) -> None:
    data = open_dataset(both[0])
    inputs = Inputs.of(data.train, 3, augmentation(data.preprocessor, both[0]), CPU)
    with inputs.reading():
        inputs.read_ahead(torch.arange(20).split(5))
        inputs.take(torch.arange(5))
        assert not multiprocessing.active_children()


def test_reading_leaves_the_global_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    batches = torch.arange(40).split(16)
    read = list(stream(HostPictures(PIXELS), batches, CPU))
    assert torch.equal(torch.cat(read), PIXELS)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_batch_than_the_next_is_a_defect() -> None:
    reader = ReadAhead(HostPictures(PIXELS), CPU)
    batches = torch.arange(40).split(16)
    reader.begin(batches)
    with pytest.raises(RuntimeError, match="another batch"):
        reader.take(batches[1])
    reader.close()


def test_batches_that_were_not_taken_are_forgotten() -> None:
    reader = ReadAhead(HostPictures(PIXELS), CPU)
    first, second = torch.arange(40).split(4), torch.arange(40).flip(0).split(4)
    reader.begin(first)
    reader.take(first[0])
    reader.begin(second)
    assert torch.equal(torch.cat([reader.take(index) for index in second]), PIXELS.flip(0))
    reader.close()


def test_an_error_in_a_reader_is_the_same_line_here(both: tuple[Run, Run], tmp_path: Path) -> None:
    train_part = open_dataset(both[1]).train
    stored = train_part.inputs[0]
    path = stored.store.file
    before = path.read_bytes()
    path.write_bytes(bytes(len(before)))
    try:
        with pytest.raises(TailtuneError) as error:
            list(stream(stored, torch.arange(len(stored)).split(16), CPU))
    finally:
        path.write_bytes(before)
    assert str(error.value).startswith(f"{path}: the pixels of {train_part.ids[0]} are damaged; delete")
    assert "\n" not in str(error.value)


@dataclass(frozen=True)
class Slow:
    """Pictures whose reading can be delayed, or kills the process that reads."""

    seconds: float = 0.0
    deadly: bool = False
    shape: tuple[int, ...] = (40, 3, 4, 4)

    def read(self, rows: NDArray[np.int64]) -> torch.Tensor:
        time.sleep(self.seconds)
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return PIXELS[rows]


def test_readers_leave_signals_to_the_parent() -> None:
    batches = torch.arange(40).split(1)
    reader = ReadAhead(Slow(0.01), CPU)
    reader.begin(batches)
    read = [reader.take(batches[0])]
    (process,) = multiprocessing.active_children()[:1]
    for number in STOPS:
        os.kill(process.pid or 0, number)
    read += [reader.take(index) for index in batches[1:]]
    assert torch.equal(torch.cat(read), PIXELS)
    assert process.is_alive()
    reader.close()
    assert not process.is_alive()


def test_a_reader_that_dies_is_one_line() -> None:
    with pytest.raises(TailtuneError, match="a process that reads pictures ahead has died") as error:
        list(stream(Slow(deadly=True), torch.arange(40).split(16), CPU))
    assert "\n" not in str(error.value)
    assert not multiprocessing.active_children()


def _read_forever(pipe: Any) -> None:
    batches = torch.arange(40).split(1)
    reader = ReadAhead(Slow(0.01), CPU)
    reader.begin(batches)
    reader.take(batches[0])
    pipe.send([process.pid for process in multiprocessing.active_children()])
    time.sleep(600)


def test_readers_end_with_a_parent_that_is_killed() -> None:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    parent = context.Process(target=_read_forever, args=(there,))
    parent.start()
    readers = here.recv()
    assert readers
    parent.kill()
    parent.join()
    for _ in range(600):
        if not any(_lives(pid) for pid in readers):
            break
        time.sleep(0.1)
    assert not any(_lives(pid) for pid in readers)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_pictures_stay_on_the_host_if_they_would_take_over_half_of_the_device() -> None:
    assert stays_on_host(28_000_000_000, 40_000_000_000)
    assert not stays_on_host(20_000_000_000, 40_000_000_000)
    assert stays_on_host(1, 0)

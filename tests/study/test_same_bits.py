"""A training comes to the same bits however many run at a time, and whatever the machine lets torch use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tailtune import Run
from tailtune.jobs.progress import Lines
from tailtune.run.execute import execute
from tailtune.run.folder import read_predictions, read_resolved
from tailtune.study import Arm, Study
from tailtune.study.conduct import conduct

Kept = dict[tuple[str, int], tuple[str, bytes]]  # config hash and scores by arm and seed


def quiet(sentence: str) -> None:
    """Say nothing."""


def lines(what: str) -> AbstractContextManager[Lines]:
    """Show nothing."""
    return nullcontext(Lines(quiet, what))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two seeds on pictures that are large enough for more than one thread to share out."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (48, 32, 32, 3), dtype=np.uint8), np.arange(48) % 4
    file = tmp_path / "pictures.npz"
    np.savez(file, x_train=x[:32], y_train=y[:32], x_test=x[32:], y_test=y[32:])
    return Study(
        arms=[Arm("plain", {"method": "erm"})], data=[str(file)], seeds=2, epochs=1, batch_size=16, model="resnet8",
        policy="none", precision="32", accelerator="cpu", jobs=1, out=str(tmp_path / "one"),
    )  # fmt: skip


@pytest.fixture
def torch_has() -> Iterator[None]:
    """As many threads as torch takes by itself on a machine with three processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def kept(study: Study) -> Kept:
    conducted = conduct(study, show=lines, say=quiet)
    return {
        (str(row["arm"]), int(row["seed"] or 0)): (
            str(row["config_hash"]),
            read_predictions(conducted.folder / str(row["folder"])).scores.tobytes(),
        )
        for row in conducted.result.rows
    }


@pytest.mark.usefixtures("torch_has")
def test_jobs_shards_and_a_single_fit_come_to_the_same_bits(study: Study, tmp_path: Path) -> None:
    one = kept(study)
    assert len({scores for _, scores in one.values()}) == 2
    worker = kept(replace(study, seeds=1, jobs=2, out=str(tmp_path / "two")))
    assert worker == {("plain", 0): one["plain", 0]}
    shards = replace(study, out=str(tmp_path / "shards"))
    kept(replace(shards, shard="2/2"))
    torch.set_num_threads(1)  # on another machine
    assert kept(replace(shards, shard="1/2")) == one
    shared = {name: getattr(study, name) for name in ("epochs", "batch_size", "model", "policy", "precision")}
    name, _ = one["plain", 1]
    settled = read_resolved(tmp_path / "one" / "runs" / name)
    assert settled.threads == 2
    tuned = {name: getattr(settled, name) for name in ("optimizer", "lr", "weight_decay", "ema")}
    run = Run(
        study.data[0], method="erm", seed=1, selection="last", decision="none", baselines=(), accelerator="cpu",
        out=str(tmp_path / "fit"), **shared, **tuned,
    )  # fmt: skip
    execute(run, say=quiet, resamples=0)
    assert read_predictions(tmp_path / "fit").scores.tobytes() == one["plain", 1][1]


def test_more_jobs_than_the_processors_hold_are_said(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailtune.study.conduct.cores", lambda: 2)
    monkeypatch.setattr("tailtune.study.conduct.trainings", lambda *arguments: [])
    said: list[str] = []
    for jobs in (1, 2):
        conduct(replace(study, jobs=jobs), show=lines, say=said.append)
    assert [line for line in said if "--jobs" in line] == [
        "--jobs 2 trains so many at a time with 2 processor threads each, and this machine has 2 processors: --jobs 1 "
        "is likely to be faster"
    ]

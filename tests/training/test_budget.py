"""What is fitted to a budget of time, with the pace of training made up: no test waits or depends on the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from training_data import table

from tailtune.methods import erm
from tailtune.methods.method import Method, Stage
from tailtune.models.network import Network
from tailtune.settings import Run
from tailtune.training import budget
from tailtune.training.assignment import Ground
from tailtune.training.budget import Pace, Plan, fit_to_budget, thinned
from tailtune.training.device import make_fabric
from tailtune.training.recipe import resolve

ASKED = Run(data="made", model="mlp", accelerator="cpu")
DATA = table(3000)


def never(stage: int) -> Network:
    raise AssertionError("no network is needed")


def plan(
    monkeypatch: pytest.MonkeyPatch, seconds: float, epochs: tuple[float, ...], asked: Run = ASKED, gain: float = 1.0
) -> Plan:
    """Fit to `seconds` where epochs of each stage take so long, and larger batches shorten them by `gain`."""
    method = erm(DATA.profile) if len(epochs) == 1 else Method("two", tuple(Stage(share=0.5) for _ in epochs))
    run = resolve(asked, method, DATA)  # type: ignore[arg-type]
    first = run.batch_size

    def made_up(method: Method, build: Any, ground: Ground, limit: float) -> Pace:
        times = np.log(ground.run.batch_size / first) / np.log(4)
        return Pace(0.001, tuple(epoch / gain**times for epoch in epochs))

    monkeypatch.setattr(budget, "pace", made_up)
    return fit_to_budget(method, never, Ground(DATA, run, make_fabric(run, "32")), asked, seconds)


def test_as_many_epochs_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(monkeypatch, 100.5, (10.0,))
    assert (found.run.epochs, found.share, found.seconds) == (10, 1.0, 100.0)
    two = plan(monkeypatch, 100.5, (10.0, 5.0))
    assert (two.run.epochs, two.share) == (13, 1.0)  # 6 and 6: halves are rounded to even numbers
    assert two.seconds == 90.0


def test_part_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(monkeypatch, 100.0, (400.0,), replace(ASKED, batch_size=16))
    assert found.run.epochs == 1
    assert found.share == pytest.approx(0.25, abs=0.01)
    assert found.seconds == pytest.approx(100, abs=1)


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 0.1])
def test_no_time_at_all_leaves_a_step(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(monkeypatch, seconds, (400.0,), replace(ASKED, batch_size=30))
    assert (found.run.epochs, found.share, found.seconds) == (1, 0.01, pytest.approx(4.0))


def test_batches_grow_where_it_pays_and_was_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    small = resolve(ASKED, erm(DATA.profile), DATA)  # type: ignore[arg-type]
    grown = plan(monkeypatch, 100.0, (100.0,), gain=3.0).run
    assert grown.batch_size == 4 * small.batch_size
    assert grown.lr == pytest.approx(2 * small.lr)
    asked = plan(monkeypatch, 100.0, (100.0,), replace(ASKED, lr=0.3), gain=3.0).run
    assert (asked.batch_size, asked.lr) == (4 * small.batch_size, 0.3)
    for seconds, changes, gain in ((100.0, {}, 1.5), (1000.0, {}, 3.0), (100.0, {"batch_size": 64}, 3.0)):
        kept = plan(monkeypatch, seconds, (100.0,), replace(ASKED, **changes), gain).run  # type: ignore[arg-type]
        assert kept.batch_size == 64


def test_a_part_keeps_the_proportions_and_all_of_the_rarest_classes() -> None:
    counts = (9000, 900, 60, 3)
    targets = np.repeat(np.arange(4), counts)
    few = DATA.train.take(np.arange(len(targets)) % len(DATA.train))
    data = replace(DATA, train=replace(few, targets=few.targets.new_tensor(targets)))
    part = thinned(data, 0.1, seed=0)
    assert np.bincount(part.train.targets.numpy()).tolist() == [900, 100, 60, 3]
    assert part.val is not None
    assert data.val is not None
    assert len(part.val) < len(data.val)
    assert (part.test is data.test, thinned(data, 1.0, seed=0) is data) == (True, True)
    assert thinned(data, 0.1, seed=0).train.ids.tolist() == part.train.ids.tolist()
    tiny = np.bincount(thinned(data, 0.002, seed=0).train.targets.numpy())
    assert (tiny.min(), tiny.sum() < 30) == (1, True)

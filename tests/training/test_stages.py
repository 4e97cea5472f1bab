"""Stages run in order, each with its part of the network, and go on after an interrupt to the same bits."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_data import table

from tailtune.bayes.posterior import Posterior
from tailtune.data.dataset import Dataset, Part
from tailtune.decision.decision import prior_correction
from tailtune.interrupt import Interrupted
from tailtune.methods.method import Auxiliary, Context, Method, Stage
from tailtune.models.build import build
from tailtune.models.network import Network
from tailtune.profile import Floats
from tailtune.settings import Run
from tailtune.training.assignment import Ground, Trail
from tailtune.training.budget import pace
from tailtune.training.device import make_fabric
from tailtune.training.modes import training_mode
from tailtune.training.observer import Silent
from tailtune.training.randomness import initialisation, isolated
from tailtune.training.recipe import resolve
from tailtune.training.stages import Outcome, train_stages

RUN = Run(data="made", model="mlp", epochs=4, batch_size=32, optimizer="sgd", lr=0.05, ema=0.9, accelerator="cpu")


def fit(dataset: Dataset, method: Method, run: Run = RUN, **how: Any) -> Outcome:
    """Train all stages of `method`; `how` are the fields of `Trail`."""
    run = resolve(run, method, dataset)
    fabric = make_fabric(run, "32")

    def fresh(stage: int) -> Network:
        with initialisation(run.seed, stage):
            return build(str(run.model), dataset.preprocessor.shape(), len(dataset.names))

    with isolated(fabric.device):
        return train_stages(method, fresh, Ground(dataset, run, fabric), Trail(**how))


def weights(outcome: Outcome) -> dict[str, torch.Tensor]:
    return outcome.model.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def new_head(context: Context) -> None:
    torch.nn.init.normal_(context.model.head.weight)


TWO = Method("two", (Stage(), Stage(share=0.5, prepare=new_head, trainable=("head.",))))


def test_a_later_stage_trains_only_its_part() -> None:
    data, seen = table(), []

    def look(context: Context) -> None:
        seen.append({name: tensor.clone() for name, tensor in context.model.state_dict().items()})

    first, second = TWO.stages
    outcome = fit(data, Method("two", (replace(first, finish=look), second)))
    final = weights(outcome)
    assert outcome.lengths[0] <= 4
    assert outcome.trained.epochs == 6
    for name, tensor in seen[0].items():
        assert torch.equal(tensor, final[name]) == (not name.startswith("head."))
    assert all(p.requires_grad for p in outcome.model.parameters())


class StopAfter(Silent):
    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def epoch(self, row: dict[str, Any]) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("epochs", [2, 4, 5])  # within the first stage, at its end, within the second
def test_interrupted_and_resumed_is_uninterrupted(epochs: int, tmp_path: Path) -> None:
    data = table()
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = fit(data, TWO, folder=whole)
    with pytest.raises(Interrupted, match=r"stage [12] of 2"):
        fit(data, TWO, folder=broken, observer=StopAfter(epochs))
    resumed = fit(data, TWO, folder=broken, resume=True)
    assert same(weights(expected), weights(resumed))
    assert expected.trained.steps == resumed.trained.steps

    def rows(folder: Path) -> list[dict[str, Any]]:
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]

    assert rows(whole) == rows(broken)
    assert [(row["stage"], row["epoch"]) for row in rows(whole)] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6)]


def test_resuming_a_finished_training_changes_nothing(tmp_path: Path) -> None:
    data = table()
    first = fit(data, TWO, folder=tmp_path)
    log = (tmp_path / "metrics.jsonl").read_text()
    assert same(weights(first), weights(fit(data, TWO, folder=tmp_path, resume=True)))
    assert (tmp_path / "metrics.jsonl").read_text() == log


def test_fresh_stages_are_members_and_references() -> None:
    data, seen = table(), []

    def synthesise(
        inputs: Any, targets: torch.Tensor, model: Any, reference: Any, progress: float, generator: torch.Generator
    ) -> Any:
        seen.append((progress, same(weights_of(model), weights_of(reference)), reference.training))
        assert not any(p.requires_grad for p in reference.parameters())
        return inputs, targets

    def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
        return model.state_dict()

    def posterior(context: Context) -> Posterior:
        return Posterior(tuple(context.collected))

    stages = (Stage(), Stage(init="fresh", reference=0, synthesise=synthesise))
    outcome = fit(data, Method("pair", stages, posterior=posterior, members="stages"))
    assert outcome.posterior is not None
    first, second = outcome.posterior.members
    assert not same(dict(first), dict(second))
    assert same(dict(second), weights(outcome))
    assert [progress for progress, _, _ in seen] == [(epoch + 0.5) / 4 for epoch in range(4) for _ in range(9)]
    assert not any(equal or training for _, equal, training in seen)


class Rarest:
    """Draws only the rarest class in the second half."""

    def probabilities(self, counts: Sequence[int], progress: float) -> Floats:
        priors = np.asarray(counts) / sum(counts)
        return priors if progress < 0.5 else np.eye(len(counts))[int(np.argmin(counts))]

    def __call__(self, targets: torch.Tensor, rows: int, progress: float, generator: torch.Generator) -> torch.Tensor:
        drawn = torch.multinomial(
            torch.from_numpy(self.probabilities(torch.bincount(targets).tolist(), progress))[targets],
            rows,
            replacement=True,
            generator=generator,
        )
        return drawn


def test_a_sampler_decides_what_is_trained_on_and_early_stopping_waits_for_it() -> None:
    data, batches = table(), []

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        batches.append(targets.bincount(minlength=3).tolist())
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")

    outcome = fit(data, Method("rarest", (Stage(loss=loss, sampler=Rarest()),)), replace(RUN, patience=1, epochs=6))
    assert outcome.trained.epochs == 6
    assert outcome.trained.best_epoch in (4, 5, 6)  # not one of plain sampling
    assert "after 3 could be chosen" in outcome.note
    late = np.sum(batches[len(batches) // 2 :], axis=0)
    assert late[0] == late[1] == 0
    assert np.sum(batches[: len(batches) // 2], axis=0).min() > 0


def test_a_change_that_never_came_is_said() -> None:
    data = table()
    late = Stage(class_weights=lambda progress: np.ones(3) if progress < 0.8 else np.array([0.5, 1.0, 2.0]))
    assert "never reached in 2 epochs" in fit(data, Method("late", (late,)), replace(RUN, epochs=2)).trained.warnings[0]
    assert fit(data, Method("late", (late,)), replace(RUN, epochs=3)).trained.warnings == ()


def test_sama_is_told_what_the_sampler_draws() -> None:
    data, told = table(), []

    def wrap(base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Any) -> torch.optim.Optimizer:
        from tailtune import SAMA

        optimiser = SAMA(base, data.profile.counts, model=model, backward=hooks.backward)
        before = optimiser.set_priors
        optimiser.set_priors = lambda priors: (told.append(np.asarray(priors)), before(priors))  # type: ignore[method-assign]
        return optimiser

    fit(data, Method("both", (Stage(sampler=Rarest(), optimiser=wrap),)))
    np.testing.assert_allclose(told[0], data.profile.priors)
    assert told[-1].tolist() == np.eye(3)[np.argmin(data.profile.counts)].tolist()


def test_an_enlarged_part_keeps_the_number_of_steps() -> None:
    data, seen = table(), set()

    def twice(part: Part, shape: Any, seed: int) -> Part:
        return part.take(np.tile(np.arange(len(part)), 2))

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        seen.add(len(targets))
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")

    outcome = fit(data, Method("twice", (Stage(loss=loss, enlarge=twice),)))
    assert outcome.trained.steps == 4 * (300 // 32)
    assert seen == {32}


def test_weights_are_collected_when_asked_and_the_schedule_is_the_stage_s(tmp_path: Path) -> None:
    data = table()
    stage = Stage(
        collect=lambda step, total: step % 9 == 0 and step > total / 2, schedule=lambda step, total, warmup: 0.5
    )
    outcome = fit(data, Method("snapshots", (stage,)), folder=tmp_path)
    assert len(outcome.trained.collected) == 2
    assert outcome.trained.best_epoch is None
    assert "schedule" in outcome.note
    rates = {json.loads(line)["lr"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()}
    assert rates == {0.025}


class Term(torch.nn.Module):
    """Distance of two views through a projection; as simple as a self-supervised term can be."""

    def __init__(self, dim: int, batch: int) -> None:
        super().__init__()
        self.projection = torch.nn.Linear(dim, 4)
        self.register_buffer("spread", torch.tensor(0.01))

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (self.projection(a) - self.projection(b)).square().mean()


@pytest.mark.parametrize("sees", ["own", "first"])
def test_a_self_supervised_term_trains_along_and_its_collapse_is_said(sees: Any, tmp_path: Path) -> None:
    data = table()
    outcome = fit(data, Method("joint", (Stage(auxiliary=Auxiliary(Term, 2.0, sees)),)), folder=tmp_path)
    assert "collapsed" in outcome.trained.warnings[0]
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert row["ssl_spread"] == pytest.approx(0.01)
    assert not any(name.startswith("auxiliary") for name in weights(outcome))
    plain = fit(data, Method("plain"))
    assert not same(weights(outcome), weights(plain))


def test_pre_training_leaves_the_head_and_needs_no_scores(tmp_path: Path) -> None:
    data, heads = table(), []

    def look(context: Context) -> None:
        heads.append(context.model.head.weight.detach().clone())

    stages = (Stage(auxiliary=Auxiliary(Term, 0.0), prepare=look, finish=look), Stage())
    outcome = fit(data, Method("pretrained", stages), folder=tmp_path)
    assert torch.equal(heads[0], heads[1])
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {row["val_accuracy"] for row in rows if row["stage"] == 1} == {None}
    assert outcome.lengths[0] == 4


def test_the_decision_is_seen_by_the_selection(tmp_path: Path) -> None:
    data = table()
    fit(data, Method("shifted", decision=prior_correction(0.0, np.array([1e-40, 1.0, 1.0]))), folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert all(row["val_balanced_accuracy"] <= 2 / 3 + 1e-9 for row in rows)


class WithBatchNorm(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(2)
        self.head = torch.nn.Linear(2, 2)


def test_modes_of_frozen_parts() -> None:
    model = WithBatchNorm()
    for stage, norm, head in (
        (Stage(), True, True),
        (Stage(batchnorm="freeze"), False, True),
        (Stage(trainable=("head.",)), False, True),
        (Stage(trainable=("head.bias",)), False, True),
        (Stage(trainable=("head.",), batchnorm="shift"), True, True),
    ):
        training_mode(model, stage)
        assert (model.norm.training, model.head.training) == (norm, head)


def test_the_cost_of_an_epoch_counts_every_stage() -> None:
    data = table()
    run = resolve(RUN, TWO, data)
    fabric = make_fabric(run, "32")

    def fresh(stage: int) -> Network:
        return build("mlp", data.preprocessor.shape(), 3)

    with isolated(fabric.device):
        found = pace(TWO, fresh, Ground(data, run, fabric), limit=0.1)
    assert len(found.epochs) == 2
    assert min(found.epochs) > found.step > 0

"""The averaging and Bayesian methods: what they set, when they keep weights, and that they train."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_data import table

from tailtune.errors import TailtuneError
from tailtune.methods.checkpoint_ensemble import checkpoint_ensemble
from tailtune.methods.ema import ema
from tailtune.methods.method import Method
from tailtune.methods.seed_ensemble import seed_ensemble
from tailtune.methods.sghmc import sghmc
from tailtune.methods.swa import swa
from tailtune.optim.schedules import warmup_cosine
from tailtune.optim.sghmc import SGHMC
from tailtune.profile import ClassProfile
from tailtune.run.learners import fit_model
from tailtune.settings import Run

PROFILE = ClassProfile((60, 30, 10))


def kept(method: Method, total: int) -> list[int]:
    (stage,) = method.stages
    assert stage.collect is not None
    return [step for step in range(1, total + 1) if stage.collect(step, total)]


def test_ema_is_a_decay() -> None:
    assert ema(PROFILE, decay=0.99).ema == 0.99


def test_swa_keeps_weights_of_the_last_quarter_at_a_constant_rate() -> None:
    method = swa(PROFILE, snapshots=5, lr_factor=0.2)
    assert kept(method, 100) == [80, 85, 90, 95, 100]
    schedule = method.stages[0].schedule
    assert schedule is not None
    factors = [schedule(step, 100, 5) for step in range(100)]
    assert factors[75:] == [0.2] * 25
    assert max(factors) == 1


def test_cyclical_swa_keeps_weights_where_its_cycles_end() -> None:
    method = swa(PROFILE, snapshots=5, lr_factor=0.2, shape="cyclical")
    schedule = method.stages[0].schedule
    assert schedule is not None
    factors = np.array([schedule(step, 100, 5) for step in range(100)])
    assert kept(method, 100) == [80, 85, 90, 95, 100]
    np.testing.assert_allclose(factors[[75, 80, 85, 90, 95]], 0.2)
    lowest = [0.2 * (0.2 + 0.8 * 0.01)] * 5
    np.testing.assert_allclose(factors[[79, 84, 89, 94, 99]], lowest)


def test_checkpoint_ensemble_keeps_the_ends_of_cycles_or_of_an_ordinary_training() -> None:
    assert kept(checkpoint_ensemble(PROFILE, members=4), 100) == [25, 50, 75, 100]
    ordinary = checkpoint_ensemble(PROFILE, members=5, cyclical=False)
    assert kept(ordinary, 100) == [60, 70, 80, 90, 100]
    assert ordinary.stages[0].schedule is None


def test_seed_ensemble_starts_afresh_in_each_stage() -> None:
    method = seed_ensemble(PROFILE, members=3, share=0.5)
    assert [(stage.init, stage.share) for stage in method.stages] == [("fresh", 0.5)] * 3
    assert method.members == "stages"


@pytest.mark.parametrize(("optimizer", "step"), [("sgd", 0.1 * 0.05 / 0.1), ("adamw", 0.1 * 0.05)])
def test_sghmcs_step_matches_the_runs_optimiser(optimizer: str, step: float) -> None:
    base = sghmc(PROFILE, temperature=0.3, burn_in=7).stages[0].base
    assert base is not None
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 0.1, "weight_decay": 0.01}]
    run = Run(data="", optimizer=optimizer, lr=0.1, momentum=0.9, seed=5, epochs=3, batch_size=10)
    sampler = base(groups, run, 100)
    assert isinstance(sampler, SGHMC)
    (group,) = sampler.param_groups
    assert group["lr"] == pytest.approx(step)
    assert (group["temperature"], group["weight_decay"], group["burn_in"]) == (0.3, 0.01, 7)
    assert (sampler.num_data, sampler.preconditioned) == (100, optimizer == "adamw")


def test_sghmc_keeps_samples_after_its_burn_in() -> None:
    assert kept(sghmc(PROFILE, burn_in=20, samples=4, cycles=2), 100) == [55, 60, 95, 100]
    assert kept(sghmc(PROFILE, burn_in=20, samples=4, cycles=0), 100) == [40, 60, 80, 100]
    assert kept(sghmc(PROFILE, samples=4, cycles=0), 1000) == [400, 600, 800, 1000]  # after 200 steps
    assert kept(sghmc(PROFILE, samples=3, cycles=0), 100) == [50, 75, 100]  # after a quarter
    schedule = sghmc(PROFILE, burn_in=20, cycles=0).stages[0].schedule
    assert schedule is not None
    assert [schedule(step, 100, 4) for step in range(100)][:4] == [warmup_cosine(step, 100, 4) for step in range(4)]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (lambda: swa(PROFILE, start=1.0), "swa needs start"),
        (lambda: checkpoint_ensemble(PROFILE, members=0), "checkpoint_ensemble needs members"),
        (lambda: seed_ensemble(PROFILE, share=0.0), "seed_ensemble needs members"),
        (lambda: sghmc(PROFILE, samples=5, cycles=2), "a multiple of cycles"),
    ],
)
def test_settings_outside_their_ranges_are_refused(method, message: str) -> None:
    with pytest.raises(TailtuneError, match=message):
        method()


CATALOGUE = {
    "ema": ({}, 1),
    "swa": ({"snapshots": 3}, 1),
    "checkpoint_ensemble": ({"members": 2}, 2),
    "seed_ensemble": ({"members": 2}, 2),
    "sghmc": ({"burn_in": 5, "samples": 2, "cycles": 2}, 2),
    "laplace": ({"samples": 3}, 3),
    "laplace_diagonal": ({"samples": 3}, 3),
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_trains_to_sound_predictions_that_repeat(name: str) -> None:
    settings, members = CATALOGUE[name]
    if name == "laplace":
        pytest.importorskip("laplace")
    words = ", ".join(f"{key}={value}" for key, value in settings.items())
    data = table()
    run = Run(data="", method=f"tailtune.methods.{name}:{name}({words})", model="mlp", epochs=6, batch_size=16)
    fitted, again = fit_model(run, data), fit_model(run, data)
    assert fitted is not None
    assert again is not None
    assert fitted.training.members == members
    states = fitted.predictor.model.state_dict().values()
    assert all(torch.isfinite(tensor).all() for tensor in states if tensor.is_floating_point())
    predicted = fitted.predictor.probabilities(data.test.inputs)
    np.testing.assert_allclose(predicted.sum(1), 1)
    assert (predicted.argmax(1) == data.test.targets.numpy()).mean() > 0.75
    assert (predicted == again.predictor.probabilities(data.test.inputs)).all()

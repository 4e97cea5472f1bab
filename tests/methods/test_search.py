from __future__ import annotations

import optuna

from tailtune.methods.search import Choice, Log, Maybe, Space, Uniform, Whole, drawn, settings_of
from tailtune.tuning.spaces import distributions

SPACE: Space = {
    "model.width": Whole(96, 512, 8),
    "model.dropout": Maybe(Uniform(0.1, 0.5)),
    "lr": Log(1e-3, 1e-1),
    "batch_size": Choice((32, 64)),
}


def test_what_a_trial_draws_lies_in_the_ranges_and_zero_is_drawn_half_of_the_time() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found = [settings_of(study.ask(distributions(SPACE)).params) for _ in range(200)]
    assert all(one.keys() == SPACE.keys() for one in found)
    assert all((one["model.width"] - 96) % 8 == 0 and 96 <= one["model.width"] <= 512 for one in found)
    assert all(isinstance(one["model.width"], int) for one in found)
    rates = [one["model.dropout"] for one in found]
    assert all(rate == 0 or 0.1 <= rate <= 0.5 for rate in rates)
    assert 70 < sum(rate == 0 for rate in rates) < 130
    assert {one["batch_size"] for one in found} == {32, 64}


def test_a_setting_that_may_be_zero_is_a_switch_and_a_value() -> None:
    assert list(drawn(SPACE)) == ["model.width", "model.dropout?", "model.dropout", "lr", "batch_size"]
    assert settings_of({"model.dropout?": True, "model.dropout": 0.2}) == {"model.dropout": 0.2}

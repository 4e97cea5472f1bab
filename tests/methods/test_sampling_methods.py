"""Sampling methods and SMOTE set one part each, train, and leave validation and test rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from training_data import table

from tailtune import ClassProfile, Run, TailtuneError
from tailtune.methods.balanced_sampling import balanced_sampling
from tailtune.methods.combine import combine
from tailtune.methods.drs import drs
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.oversample import oversample
from tailtune.methods.progressive_sampling import progressive_sampling
from tailtune.methods.sama import sama
from tailtune.methods.smote import smote
from tailtune.methods.smote_features import smote_features
from tailtune.methods.square_root_sampling import square_root_sampling
from tailtune.methods.undersample import undersample
from tailtune.models.heads import CosineHead
from tailtune.models.network import Network
from tailtune.run.learners import fit_model

PROFILE = ClassProfile((90, 9, 1))
SAMPLED = {
    balanced_sampling: [1 / 3, 1 / 3, 1 / 3],
    square_root_sampling: np.sqrt([90, 9, 1]) / np.sqrt([90, 9, 1]).sum(),
    progressive_sampling: 0.1 * np.array([0.9, 0.09, 0.01]) + 0.9 / 3,
    oversample: [1 / 3, 1 / 3, 1 / 3],
    undersample: [1 / 3, 1 / 3, 1 / 3],
    drs: [1 / 3, 1 / 3, 1 / 3],
}


def parts(method: Method) -> set[str]:
    return {field.name for field in fields(Stage) if getattr(method.stages[0], field.name) != field.default}


@pytest.mark.parametrize("function", SAMPLED, ids=lambda function: function.__name__)
def test_samplers_stand_alone_in_their_stage(function) -> None:
    method = function(PROFILE)
    assert parts(method) == {"sampler"}
    assert method.balances
    assert method.kinds == ("table", "image")
    drawn = method.stages[0].sampler.probabilities(PROFILE.counts, 0.9)
    np.testing.assert_allclose(drawn, SAMPLED[function])


def test_settings_reach_the_samplers() -> None:
    sampler = drs(PROFILE, start=0.5, power=0.5).stages[0].sampler
    np.testing.assert_allclose(sampler.probabilities((16, 4), 0.49), [0.8, 0.2])
    np.testing.assert_allclose(sampler.probabilities((16, 4), 0.5), [2 / 3, 1 / 3])
    assert not square_root_sampling(PROFILE, power=1.0).balances  # that is the data as it is
    with pytest.raises(TailtuneError, match="start is a share of training"):
        drs(PROFILE, start=80)


def test_balancing_twice_is_refused_and_other_parts_combine() -> None:
    with pytest.raises(TailtuneError, match=r"^balanced_sampling and smote both make up for unequal class frequencies"):
        combine("twice", balanced_sampling(PROFILE), smote(PROFILE))
    both = combine("both", drs(PROFILE), sama(PROFILE))
    assert parts(both) == {"sampler", "optimiser"}
    assert parts(combine("both", smote_features(PROFILE), sama(PROFILE))) == {"finish", "optimiser"}


def test_smote_enlarges_the_training_part_alone() -> None:
    data = table(weights=True)
    before = [part.inputs[0].clone() for part in (data.train, data.val, data.test)]
    run = Run(data="", method="tailtune.methods.smote:smote", model="mlp", epochs=1, batch_size=32, baselines=())
    enlarge = smote(PROFILE).stages[0].enlarge
    enlarged = enlarge(data.train, data.preprocessor.shape(), 0)
    assert enlarged.targets.bincount().tolist() == [max(data.profile.counts)] * 3
    assert set(enlarged.ids.tolist()).isdisjoint([*data.val.ids, *data.test.ids])
    fitted = fit_model(run, data)
    assert fitted is not None
    for part, inputs in zip((data.train, data.val, data.test), before, strict=True):
        assert torch.equal(part.inputs[0], inputs)
        assert len(part.targets) == len(inputs)


def test_ratio_and_neighbours_reach_smote() -> None:
    data = table()
    counts = data.profile.counts
    enlarged = smote(PROFILE, ratio=0.3).stages[0].enlarge(data.train, data.preprocessor.shape(), 0)
    goal = round(0.3 * max(counts))
    assert enlarged.targets.bincount().tolist() == [max(count, goal) for count in counts]
    again = smote(PROFILE, ratio=0.3, k=1).stages[0].enlarge(data.train, data.preprocessor.shape(), 0)
    assert not torch.equal(again.inputs[0], enlarged.inputs[0])


class Flat(Network):
    """Two features as they are."""

    def __init__(self, head: torch.nn.Module) -> None:
        super().__init__()
        self.feature_dim, self.head = 2, head

    def features(self, *inputs: torch.Tensor) -> torch.Tensor:
        return inputs[0]


@dataclass(frozen=True)
class Fixed:
    x: torch.Tensor
    targets: torch.Tensor

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, ...]]:
        yield from ((x,) for x in self.x.split(size))


def refit(method: Method, rows: Fixed, head: torch.nn.Module, seed: int = 0) -> Flat:
    model = Flat(head).eval()
    profile = ClassProfile.from_targets(rows.targets.numpy(), 3)
    method.stages[0].finish(Context(model, profile, rows, None, (), seed, lambda: None))
    return model


def rows() -> Fixed:
    targets = torch.tensor([0] * 300 + [1] * 40)
    means = torch.tensor([[2.0, 1.0], [1.0, 2.0]])  # which angles tell apart too
    noise = torch.randn(340, 2, generator=torch.Generator().manual_seed(0))
    return Fixed(means[targets] + 0.7 * noise, targets)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_features_are_balanced_before_the_head_is_fitted(kind: str) -> None:
    data = rows()
    heads = [torch.nn.Linear(2, 3) if kind == "linear" else CosineHead(2, 3) for _ in range(2)]
    model = refit(smote_features(PROFILE), data, heads[0])
    assert type(model.head) is type(heads[0])
    logits = model(data.x)
    recall = [float((logits.argmax(1) == data.targets)[data.targets == k].float().mean()) for k in (0, 1)]
    assert min(recall) > 0.75, recall
    assert int((logits.argmax(1) == 2).sum()) == 0  # the class without rows
    if kind == "linear":  # one minimum: neither the trained head nor the seed of the new one matters
        other = refit(smote_features(PROFILE), data, heads[1])
        torch.testing.assert_close(model(data.x), other(data.x))


def test_the_head_is_at_the_minimum_that_numpy_finds() -> None:
    from scipy.optimize import minimize

    from tailtune.sampling.smote import smote as on_features

    data, decay = rows(), 0.01
    model = refit(smote_features(PROFILE, weight_decay=decay, ratio=0.5), data, torch.nn.Linear(2, 3), seed=5)
    x, y = (each.double().numpy() for each in on_features(data.x, data.targets, ratio=0.5, seed=5))
    assert np.bincount(y.astype(int)).tolist() == [300, 150]

    def objective(w: np.ndarray) -> float:
        z = x @ w[:6].reshape(3, 2).T + w[6:]
        top = z.max(1, keepdims=True)
        logs = z - top - np.log(np.exp(z - top).sum(1, keepdims=True))
        return -logs[np.arange(len(x)), y.astype(int)].mean() + decay / 2 * (w**2).sum()

    best = minimize(objective, np.zeros(9), tol=1e-12).x
    fitted = torch.cat([model.head.weight.flatten(), model.head.bias]).detach().numpy()
    np.testing.assert_allclose(fitted, best, atol=2e-3)


def test_features_that_are_not_finite_are_refused_in_words() -> None:
    data = rows()
    data.x[17, 0] = torch.nan
    with pytest.raises(TailtuneError, match="found in row 17"):
        refit(smote_features(PROFILE), data, torch.nn.Linear(2, 3))


@pytest.mark.parametrize("name", [*(function.__name__ for function in SAMPLED), "smote", "smote_features"])
def test_rare_rows_are_recalled_better_than_by_plain_training(name: str) -> None:
    data, run = table(rows=200), Run(data="", model="mlp", epochs=10, batch_size=32, baselines=(), selection="last")
    recall = []
    for method in ("erm", f"tailtune.methods.{name}:{name}"):
        fitted = fit_model(replace(run, method=method), data)
        assert fitted is not None
        predicted = fitted.predictor.scores(data.test.inputs).argmax(1)
        recall.append(np.mean(predicted[data.test.targets == 2] == 2))
    assert recall[1] > recall[0] - 0.05, recall

"""cRT, LWS, tau-normalisation, NCM, MiSLAS and M2m: what their stages set, and what they do to a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune import ClassProfile, TailtuneError
from tailtune.data.open import open_dataset
from tailtune.losses.label_aware import label_aware_matrix
from tailtune.methods.combine import combine
from tailtune.methods.crt import crt
from tailtune.methods.lws import lws
from tailtune.methods.m2m import m2m
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.mislas import mislas
from tailtune.methods.mixup import mixup
from tailtune.methods.ncm import ncm
from tailtune.methods.sama import sama
from tailtune.methods.samn import samn
from tailtune.methods.tau_norm import tau_norm
from tailtune.models.heads import CosineHead, ScaledHead, make_head
from tailtune.models.network import Network
from tailtune.models.weight_norms import choose_tau, tau_normalised
from tailtune.run.learners import fit_model
from tailtune.settings import Run

PROFILE = ClassProfile((40, 15, 5, 0))  # the last class is empty


class Tiny(Network):
    def __init__(self, head: str = "linear") -> None:
        super().__init__()
        self.feature_dim = 5
        self.body = nn.Linear(3, 5)
        self.head = make_head(head, 5, 4)  # type: ignore[arg-type]

    def features(self, *inputs: Tensor) -> Tensor:
        return torch.relu(self.body(inputs[0]))


@dataclass(frozen=True)
class Held:
    inputs: Tensor
    targets: Tensor

    def batches(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        for part in self.inputs.split(size):
            yield (part,)


def rows(seed: int, copies: int = 1) -> Held:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.tensor([0] * 40 + [1] * 15 + [2] * 5).repeat(copies)
    return Held(torch.randn(len(targets), 3, generator=generator) + 2 * torch.eye(3)[targets], targets)


def context(model: Network, val: Held | None = None, seed: int = 0) -> Context:
    return Context(model.eval(), PROFILE, rows(0, copies=10), val, (), seed, lambda: None)


def tiny(head: str = "linear") -> Tiny:
    torch.manual_seed(0)
    return Tiny(head)


def set_by(stage: Stage) -> set[str]:
    return {name for name, value in vars(stage).items() if value is not None} - {"share", "init", "reference"}


@pytest.mark.parametrize("make", [crt, lws, tau_norm, ncm, mislas, m2m])
def test_they_make_up_for_imbalance_and_refuse_a_second_that_does(make: Callable[[ClassProfile], Method]) -> None:
    method = make(PROFILE)
    assert method.name == make.__name__
    assert method.balances
    with pytest.raises(TailtuneError, match="doing so twice overshoots"):
        combine("twice", method, Method("other", balances=True))


@pytest.mark.parametrize("make", [crt, lws, mislas])
def test_the_second_stage_balances_and_trains_the_head_alone(make: Callable[[ClassProfile], Method]) -> None:
    first, second = make(PROFILE).stages
    assert first.share == 1.0
    assert second.share < 0.2
    assert second.init == "previous"
    assert all(name.startswith("head.") for name in second.trainable or ("none",))
    assert second.sampler is not None
    np.testing.assert_allclose(second.sampler.probabilities(PROFILE.counts, 0.5), [1 / 3, 1 / 3, 1 / 3, 0])
    both = combine("both", make(PROFILE), sama(PROFILE))
    assert "optimiser" in set_by(both.stages[0])
    assert "optimiser" not in set_by(both.stages[1])


def test_samn_trains_a_monotone_head_alone_and_leaves_a_plain_one() -> None:
    second = samn(PROFILE, head_lr=0.3).stages[1]
    assert (second.trainable, second.lr_factors, second.sampler) == (("head.",), {"head.": 0.3}, None)
    assert second.prepare is not None
    assert second.finish is not None
    model, x = tiny(), rows(1).inputs
    second.prepare(context(model))
    before = model(x)
    second.finish(context(model))
    assert set(model.state_dict()) == set(tiny().state_dict())
    torch.testing.assert_close(model(x), before)
    norms = model.head.weight.norm(dim=1)
    assert torch.all(norms[:-1] <= norms[1:] + 1e-6)  # classes come from frequent to rare


def test_crt_begins_with_a_head_at_zero_and_a_lower_rate() -> None:
    second = crt(PROFILE, head_lr=0.2).stages[1]
    assert second.prepare is not None
    assert second.lr_factors == {"head.": 0.2}
    model = tiny()
    second.prepare(context(model))
    assert not model.head.weight.any()
    assert not model.head.bias.any()
    assert torch.equal(model.body.weight, tiny().body.weight)
    cosines = [tiny("cosine") for _ in range(3)]
    for cosine, seed in zip(cosines, (0, 0, 1), strict=True):
        second.prepare(context(cosine, seed=seed))
    assert isinstance(cosines[0].head, CosineHead)
    assert torch.equal(cosines[0].head.weight, cosines[1].head.weight)
    assert not torch.equal(cosines[0].head.weight, cosines[2].head.weight)


@pytest.mark.parametrize("make", [lws, mislas])
def test_class_scales_begin_as_the_identity_and_are_folded_away(make: Callable[[ClassProfile], Method]) -> None:
    model, second, x = tiny(), make(PROFILE).stages[1], rows(1).inputs
    before = model(x)
    assert second.prepare is not None
    assert second.finish is not None
    second.prepare(context(model))
    assert isinstance(model.head, ScaledHead)
    assert torch.equal(model(x), before)
    model.head.scale.data.copy_(torch.tensor([0.5, 1.0, 2.0, 1.0]))
    second.finish(context(model))
    assert set(model.state_dict()) == set(tiny().state_dict())
    torch.testing.assert_close(model(x), before * torch.tensor([0.5, 1.0, 2.0, 1.0]))
    with pytest.raises(TailtuneError, match="class scales need a linear head"):
        second.prepare(context(tiny("cosine")))


def finished(method: Method, model: Tiny, val: Held | None = None) -> Tiny:
    assert method.stages[-1].finish is not None
    method.stages[-1].finish(context(model, val))
    return model


@pytest.mark.parametrize("val", [None, rows(2)])
def test_tau_is_chosen_on_validation_or_else_on_the_training_rows(val: Held | None) -> None:
    model, seen = finished(tau_norm(PROFILE), tiny(), val), val or rows(0, copies=10)
    tau = choose_tau(tiny().head, tiny().features(seen.inputs), seen.targets)
    assert torch.equal(model.head.weight, tau_normalised(tiny().head, tau).weight)


def test_a_given_tau_is_taken() -> None:
    assert torch.equal(finished(tau_norm(PROFILE, tau=0.0), tiny()).head.weight, tiny().head.weight)
    x = rows(1).inputs
    assert torch.equal(finished(tau_norm(PROFILE, tau=0.0, keep_bias=True), tiny())(x), tiny()(x))
    unit = finished(tau_norm(PROFILE, tau=1.0), tiny())
    torch.testing.assert_close(unit.head.weight.norm(dim=1), torch.ones(4))
    with pytest.raises(TailtuneError, match="needs a linear head"):
        finished(tau_norm(PROFILE), tiny("cosine"))


def test_ncm_predicts_the_nearest_mean_of_the_training_features() -> None:
    model, train, seen = finished(ncm(PROFILE), tiny()), rows(0, copies=10), rows(3)
    features = tiny().features(train.inputs)
    means = torch.stack([features[train.targets == k].mean(0) for k in range(3)])
    nearest = torch.cdist(tiny().features(seen.inputs), means).argmin(1)
    assert torch.equal(model(seen.inputs).argmax(1), nearest)  # and never the empty class
    assert (nearest == seen.targets).double().mean() > 0.8
    assert torch.isfinite(model(seen.inputs)).all()
    with pytest.raises(TailtuneError, match="replaces a linear head"):
        finished(ncm(PROFILE), tiny("cosine"))
    with pytest.raises(TailtuneError, match="metric must be"):
        ncm(PROFILE, metric="l1")  # type: ignore[arg-type]


def test_mislas_sets_what_its_paper_does() -> None:
    first, second = mislas(PROFILE, smooth_head=0.4, smooth_tail=0.1, head_lr=0.2).stages
    assert set_by(first) == {"mix", "head"}
    assert torch.equal(second.target_matrix, label_aware_matrix(PROFILE.counts, 0.4, 0.1))
    assert list((second.lr_factors or {}).items()) == [("head.scale", 1.0), ("head.", 0.2)]
    assert second.batchnorm is None
    assert mislas(PROFILE, shift_bn=True).stages[1].batchnorm == "shift"
    assert mislas(PROFILE).kinds == ("image",)


@pytest.mark.parametrize(
    ("classes", "ratio", "head", "tail", "head_lr", "shift"),
    [
        (10, 0.01, 0.3, 0.0, 0.5, None),
        (10, 0.02, 0.2, 0.0, 0.2, None),
        (10, 0.1, 0.1, 0.0, 0.2, None),
        (100, 0.01, 0.4, 0.1, 0.2, "shift"),
        (100, 0.02, 0.3, 0.0, 0.1, "shift"),
        (100, 0.1, 0.2, 0.0, 0.1, "shift"),
        (2, 0.005, 0.3, 0.0, 0.5, None),  # elsewhere the nearest of them
        (31, 0.015, 0.2, 0.0, 0.2, None),
        (32, 0.04, 0.3, 0.0, 0.1, "shift"),
        (1000, 1.0, 0.2, 0.0, 0.1, "shift"),
    ],
)
def test_mislas_takes_the_constants_of_its_benchmark(
    classes: int, ratio: float, head: float, tail: float, head_lr: float, shift: str | None
) -> None:
    counts = [int(5000 * ratio ** (i / (classes - 1))) for i in range(classes)]
    second = mislas(ClassProfile(tuple(counts))).stages[1]
    n = np.array(counts, dtype=float)
    t = (n - n.min()) / (n.max() - n.min()) if ratio < 1 else np.ones(classes)
    eps = tail + (head - tail) * np.sin(np.pi * t / 2)
    np.testing.assert_allclose(second.target_matrix, np.diag(1 - eps) + eps[:, None] / classes, atol=1e-6)
    assert second.lr_factors == {"head.scale": 1.0, "head.": head_lr}
    assert second.batchnorm == shift


def test_what_is_given_to_mislas_stands() -> None:
    counts = tuple(int(5000 * 0.01 ** (i / 99)) for i in range(100))
    second = mislas(ClassProfile(counts), smooth_tail=0.0, shift_bn=False).stages[1]
    assert torch.equal(second.target_matrix, label_aware_matrix(counts, 0.4, 0.0))
    assert second.batchnorm is None
    assert (second.lr_factors or {})["head."] == 0.2
    assert mislas(PROFILE).stages[1].lr_factors == {"head.scale": 1.0, "head.": 0.5}  # with an empty class


def test_m2m_makes_samples_late_in_its_second_stage() -> None:
    method = m2m(ClassProfile((10**6, 10, 1)), confidence=0.0, beta=0.5, start=0.8)
    first, second = method.stages
    assert method.main == 1
    assert method.kinds == ("image",)
    assert set_by(first) == set()
    assert (second.init, second.reference) == ("fresh", 0)
    assert second.sampler is not None
    assert second.sampler.probabilities((60, 30, 10), 0.79).tolist() == [0.6, 0.3, 0.1]
    np.testing.assert_allclose(second.sampler.probabilities((60, 30, 10), 0.8), [1 / 3] * 3)

    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    x, y = torch.rand(6, 1, 2, 2), torch.tensor([0, 0, 0, 1, 2, 2])
    assert second.synthesise is not None
    (early,), targets = second.synthesise((x,), y, net, net, 0.79, torch.Generator())
    assert early is x
    (late,), targets = second.synthesise((x,), y, net, net, 0.8, torch.Generator())
    assert torch.equal(targets, y)
    changed = (late != x).flatten(1).any(1)
    assert changed.tolist() == [False] * 3 + [True] * 3
    with pytest.raises(TailtuneError, match="set the stage's reference"):
        second.synthesise((x,), y, net, None, 0.9, torch.Generator())


def test_m2m_combines_with_an_optimiser_and_refuses_mixing() -> None:
    both = combine("both", sama(PROFILE), m2m(PROFILE))
    assert "optimiser" in set_by(both.stages[1])
    assert both.stages[1].reference == 0
    with pytest.raises(TailtuneError, match="make new samples"):
        combine("wrong", m2m(PROFILE), mixup(PROFILE))


def test_the_features_of_crt_and_ncm_are_those_of_plain_training() -> None:
    run = Run(data="digits", ratio=0.05, epochs=3, batch_size=32, lr=0.1, policy="none", selection="last", threads=1)
    data = open_dataset(run)
    models = {}
    for name in ("erm", "tailtune.methods.crt:crt", "tailtune.methods.ncm:ncm"):
        fitted = fit_model(replace(run, method=name), data)
        assert fitted is not None
        models[name.rpartition(":")[2]] = fitted.predictor.model.state_dict()
    for name in ("crt", "ncm"):
        for key, tensor in models["erm"].items():
            assert torch.equal(tensor, models[name][key]) != key.startswith("head."), f"{name}: {key}"

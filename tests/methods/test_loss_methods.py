"""The methods that change the loss, the class weights or the decision: what they set, and LDAM-DRW by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.balanced_softmax import BalancedSoftmaxLoss
from tailtune.losses.focal import FocalLoss
from tailtune.losses.label_aware import label_aware_matrix
from tailtune.losses.ldam import LDAMLoss
from tailtune.losses.logit_adjusted import LogitAdjustedLoss
from tailtune.losses.weights import effective_number
from tailtune.losses.weights import inverse_frequency as inverse_weights
from tailtune.methods.balanced_softmax import balanced_softmax
from tailtune.methods.class_balanced import class_balanced
from tailtune.methods.combine import combine
from tailtune.methods.drw import drw
from tailtune.methods.focal import focal
from tailtune.methods.inverse_frequency import inverse_frequency
from tailtune.methods.label_aware_smoothing import label_aware_smoothing
from tailtune.methods.ldam import ldam
from tailtune.methods.ldam_drw import ldam_drw
from tailtune.methods.logit_adjustment import logit_adjustment
from tailtune.methods.method import Method, Stage
from tailtune.methods.post_hoc_logit_adjustment import post_hoc_logit_adjustment
from tailtune.models.heads import CosineHead
from tailtune.profile import ClassProfile
from tailtune.training.criterion import Criterion

PROFILE = ClassProfile((90, 9, 1))
EMPTY = ClassProfile((90, 9, 0))
ALL = (
    focal,
    inverse_frequency,
    class_balanced,
    drw,
    ldam,
    ldam_drw,
    logit_adjustment,
    post_hoc_logit_adjustment,
    balanced_softmax,
    label_aware_smoothing,
)


def parts(method: Method) -> set[str]:
    (stage,) = method.stages
    return {field.name for field in fields(Stage) if getattr(stage, field.name) is not None} - {"share", "init"}


@pytest.mark.parametrize("method", ALL)
def test_sets_its_parts_and_bears_its_name(method) -> None:
    wanted = {
        focal: {"loss"},
        inverse_frequency: {"class_weights"},
        class_balanced: {"class_weights"},
        drw: {"class_weights"},
        ldam: {"loss", "head"},
        ldam_drw: {"loss", "head", "class_weights"},
        logit_adjustment: {"loss"},
        post_hoc_logit_adjustment: set(),
        balanced_softmax: {"loss"},
        label_aware_smoothing: {"target_matrix"},
    }
    built = method(PROFILE)
    assert parts(built) == wanted[method]
    assert built.name == method.__name__
    assert built.kinds == ("table", "image")
    assert (built.decision is not None) == (method is post_hoc_logit_adjustment)
    assert built.balances == (method not in (focal, ldam, label_aware_smoothing))


def test_settings_reach_the_losses() -> None:
    loss = focal(PROFILE, gamma=2.5).stages[0].loss
    assert isinstance(loss, FocalLoss)
    assert loss.gamma == 2.5
    loss = ldam(PROFILE, max_margin=0.3).stages[0].loss
    assert isinstance(loss, LDAMLoss)
    assert loss.margins.max() == pytest.approx(0.3)
    loss = logit_adjustment(PROFILE, tau=0.5).stages[0].loss
    assert isinstance(loss, LogitAdjustedLoss)
    np.testing.assert_allclose(loss.adjustments, 0.5 * np.log(PROFILE.priors), rtol=1e-6)
    assert isinstance(balanced_softmax(PROFILE).stages[0].loss, BalancedSoftmaxLoss)
    matrix = label_aware_smoothing(PROFILE, head=0.4, tail=0.1, shape="linear", spread="others").stages[0].target_matrix
    torch.testing.assert_close(matrix, label_aware_matrix(PROFILE.counts, 0.4, 0.1, "linear", "others"))


def test_weights_follow_their_rule_and_schedule() -> None:
    def at(method: Method, progress: float) -> np.ndarray:
        schedule = method.stages[0].class_weights
        assert schedule is not None
        return schedule(progress)

    for progress in (0.0, 0.5, 1.0):
        np.testing.assert_array_equal(at(inverse_frequency(PROFILE), progress), inverse_weights(PROFILE.counts))
        balanced = at(class_balanced(PROFILE, beta=0.99), progress)
        np.testing.assert_array_equal(balanced, effective_number(PROFILE.counts, 0.99))
    for method in (drw, ldam_drw):
        built = method(PROFILE, beta=0.99, start=0.6)
        np.testing.assert_array_equal(at(built, 0.599), np.ones(3))
        np.testing.assert_array_equal(at(built, 0.6), effective_number(PROFILE.counts, 0.99))


@pytest.mark.parametrize("make", [inverse_frequency, class_balanced, drw, ldam_drw])
def test_the_scale_of_the_weights_is_as_asked(make: Callable[..., Method]) -> None:
    by_classes, by_rows, by_batch = (make(PROFILE, normalise=mode).stages[0] for mode in ("classes", "rows", "batch"))
    weights = by_classes.class_weights(1.0)
    assert weights.sum() == pytest.approx(3)
    np.testing.assert_allclose(by_rows.class_weights(1.0), weights / (weights @ PROFILE.priors))
    np.testing.assert_array_equal(by_batch.class_weights(1.0), weights)
    assert [stage.weight_mean for stage in (by_classes, by_rows, by_batch)] == [None, None, "batch"]
    with pytest.raises(TailtuneError, match="normalise must be"):
        make(PROFILE, normalise="none")


@pytest.mark.parametrize("soft", [False, True])
def test_in_training_the_weights_of_a_batch_are_divided_by_their_mean(soft: bool) -> None:
    rng = np.random.default_rng(0)
    logits, q = rng.normal(size=(6, 3)), np.eye(3)[[0, 0, 0, 1, 2, 2]]
    if soft:
        q = 0.7 * q + 0.3 * q[::-1]
    targets = torch.from_numpy(q) if soft else torch.from_numpy(q.argmax(1))
    criterion = Criterion.of(class_balanced(PROFILE, beta=0.9, normalise="batch").stages[0], torch.device("cpu"))
    weights = criterion.class_weights(0.0, torch.device("cpu"))
    ours = criterion(torch.from_numpy(logits).float(), targets.float() if soft else targets, weights).mean()
    raw = (1 - 0.9) / (1 - 0.9 ** np.array(PROFILE.counts))
    losses = -(q * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1)
    assert ours.item() == pytest.approx((q @ raw @ losses) / (q @ raw).sum(), rel=1e-5)


def test_post_hoc_offsets_are_minus_tau_log_pi() -> None:
    for profile, tau, wanted in ((PROFILE, 2.0, -2 * np.log(PROFILE.priors)), (EMPTY, 1.0, -np.log([0.9, 0.09, 0.01]))):
        fit = post_hoc_logit_adjustment(profile, tau=tau).decision
        assert fit is not None
        p = np.array([[0.5, 0.3, 0.2]])
        expected = p * np.exp(wanted)
        np.testing.assert_allclose(fit(None, None, profile)(p), expected / expected.sum())


def test_making_up_for_the_frequencies_twice_is_refused() -> None:
    with pytest.raises(TailtuneError, match="make up for unequal class frequencies, and doing so twice overshoots"):
        combine("twice", drw(PROFILE), balanced_softmax(PROFILE))
    assert combine("both", ldam(PROFILE), post_hoc_logit_adjustment(PROFILE)).decision is not None
    assert parts(combine("both", focal(PROFILE), label_aware_smoothing(PROFILE))) == {"loss", "target_matrix"}


@pytest.mark.parametrize("method", ALL)
def test_a_class_without_rows_does_no_harm(method) -> None:
    built = method(EMPTY)
    (stage,) = built.stages
    logits = torch.randn(4, 3, requires_grad=True)
    if stage.loss is not None:
        stage.loss(logits, torch.tensor([0, 0, 1, 1])).sum().backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
    if stage.class_weights is not None:
        assert np.isfinite(stage.class_weights(1.0)).all()
    if built.decision is not None:
        assert np.isfinite(built.decision(None, None, EMPTY)(np.full((1, 3), 1 / 3))).all()


def ldam_drw_gradients(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, w: np.ndarray, counts: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of (1/N) sum_i weights_(y_i) LDAM(30 cos(x_i a, w), y_i) with respect to a [P, D] and w [K, D]."""
    features = x @ a
    length, long = np.linalg.norm(features, axis=1), np.linalg.norm(w, axis=1)
    f, u = features / length[:, None], w / long[:, None]
    cosine = f @ u.T
    margins = counts**-0.25
    margins *= 0.5 / margins.max()
    true = np.eye(len(counts))[y]
    z = 30 * (cosine - true * margins)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    by_cosine = 30 * (p - true) * weights[y][:, None] / len(y)
    by_w = (by_cosine.T @ f - (by_cosine * cosine).sum(0)[:, None] * u) / long[:, None]
    by_features = (by_cosine @ u - (by_cosine * cosine).sum(1, keepdims=True) * f) / length[:, None]
    return x.T @ by_features, by_w


@pytest.mark.parametrize(("progress", "deferred"), [(0.0, False), (0.79, False), (0.8, True), (1.0, True)])
def test_one_step_of_ldam_drw_is_the_one_computed_by_hand(progress: float, deferred: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5)), np.array([0, 0, 0, 1, 1, 2, 0, 2])
    a, w = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    counts = np.array(PROFILE.counts, dtype=float)
    raw = (1 - 0.9999) / (1 - 0.9999**counts)
    weights = raw * counts.sum() / (counts @ raw) if deferred else np.ones(3)  # the training rows weigh 1 on average
    by_a, by_w = ldam_drw_gradients(x, y, a, w, counts, weights)

    (stage,) = ldam_drw(PROFILE).stages
    assert stage.head == "cosine"
    assert stage.loss is not None
    assert stage.class_weights is not None
    features, head = torch.nn.Linear(5, 4, bias=False).double(), CosineHead(4, 3).double()
    features.weight.data, head.weight.data = torch.from_numpy(a.T.copy()), torch.from_numpy(w.copy())
    optimiser = torch.optim.SGD([*features.parameters(), *head.parameters()], lr=0.1)
    q = functional.one_hot(torch.from_numpy(y), 3).double()
    losses = stage.loss(head(features(torch.from_numpy(x))), q)
    (losses * (q @ torch.from_numpy(stage.class_weights(progress)))).mean().backward()
    optimiser.step()

    np.testing.assert_allclose(features.weight.detach().numpy().T, a - 0.1 * by_a, rtol=0, atol=1e-10)
    np.testing.assert_allclose(head.weight.detach().numpy(), w - 0.1 * by_w, rtol=0, atol=1e-10)
    assert np.abs(by_w).max() > 1e-3

"""Every measure with weights of rows is that of scikit-learn's sample_weight, or of rows repeated as often."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from tailtune.errors import TailtuneError
from tailtune.evaluation.alarms import recall_at_alarms
from tailtune.evaluation.bootstrap import intervals
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.scored import scored
from tailtune.profile import ClassProfile

THREE, TWO = ClassProfile((200, 90, 40)), ClassProfile((200, 40))


def made(profile: ClassProfile, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of three classes or two, ties among their scores, and whole weights from 0 to 4."""
    rng = np.random.default_rng(seed)
    k = profile.num_classes
    y = rng.choice(k, 150, p=np.asarray(profile.counts) / profile.total)
    logits = rng.normal(size=(150, k))
    logits[np.arange(150), y] += 1.0
    p = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 2)
    return y, p / p.sum(axis=1, keepdims=True), rng.integers(0, 5, 150).astype(float)


def test_figures_of_three_classes_agree_with_scikit_learn() -> None:
    y, p, w = made(THREE)
    found, answers = summarise(y, p, THREE, weights=w), p.argmax(axis=1)
    weigh = {"sample_weight": w}
    one_hot = np.eye(3)[y]
    expected = {
        "accuracy": reference.accuracy_score(y, answers, **weigh),
        "balanced_accuracy": reference.balanced_accuracy_score(y, answers, **weigh),
        "macro_f1": reference.f1_score(y, answers, average="macro", **weigh),
        "log_loss": reference.log_loss(y, p, **weigh),
        "macro_auroc": np.mean([reference.roc_auc_score(one_hot[:, k], p[:, k], **weigh) for k in range(3)]),
        "macro_auprc": np.mean([reference.average_precision_score(one_hot[:, k], p[:, k], **weigh) for k in range(3)]),
        "kappa": reference.cohen_kappa_score(y, answers, weights="quadratic", **weigh),
        "tail_accuracy": np.average((answers == y)[y == 2], weights=w[y == 2]),
        "tail_auprc": reference.average_precision_score(y == 2, p[:, 2], **weigh),
    }
    for key, value in expected.items():
        assert found.metrics[key] == pytest.approx(value, abs=1e-9), key
    precision, recall, f1, _ = reference.precision_recall_fscore_support(y, answers, **weigh)
    for k, row in enumerate(found.per_class):
        assert (row.precision, row.recall, row.f1) == pytest.approx((precision[k], recall[k], f1[k]))
        assert row.support == (y == k).sum()
    assert np.array(found.confusion).tolist() == reference.confusion_matrix(y, answers).tolist()


def test_figures_of_two_classes_agree_with_scikit_learn() -> None:
    y, p, w = made(TWO)
    found = summarise(y, p, TWO, weights=w).metrics
    assert found["auprc"] == pytest.approx(reference.average_precision_score(y, p[:, 1], sample_weight=w))
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(y, p[:, 1], sample_weight=w))
    assert found["prevalence"] == pytest.approx(np.average(y, weights=w))


@pytest.mark.parametrize("measure", [*MEASURES, recall_at_alarms], ids=lambda measure: measure.key)
def test_whole_weights_are_rows_that_stand_there_so_often(measure: Measure) -> None:
    profile = THREE if measure.applies(THREE) else TWO
    y, p, w = made(profile)
    repeated = np.repeat(np.arange(len(y)), w.astype(int))
    once, often = scored(y, p, profile, weights=w), scored(y[repeated], p[repeated], profile)
    assert measure.value(once) == pytest.approx(measure.value(often), abs=1e-6)


@pytest.mark.parametrize("profile", [THREE, TWO])
def test_the_centre_of_an_interval_is_the_weighted_figure(profile: ClassProfile) -> None:
    y, p, w = made(profile)
    w = w + 0.5
    metrics = summarise(y, p, profile, weights=w).metrics
    for key, (low, high) in intervals(y, p, profile, MEASURES, 400, weights=w).items():
        value = metrics[key]
        assert value is not None
        assert low <= value <= high
        assert abs((low + high) / 2 - value) < 0.35 * (high - low)


def test_equal_weights_change_nothing() -> None:
    y, p, _ = made(THREE)
    plain, weighed = summarise(y, p, THREE), summarise(y, p, THREE, weights=np.full(len(y), 0.3))
    assert weighed.metrics == pytest.approx(plain.metrics)
    assert weighed.confusion == plain.confusion
    assert [bin.count for bin in weighed.reliability] == [bin.count for bin in plain.reliability]


def test_reliability_by_weights() -> None:
    y, p = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    (bin,) = [each for each in summarise(y, p, TWO, weights=[1, 6, 1]).reliability if each.count]
    assert (bin.count, bin.accuracy, bin.confidence) == (3, pytest.approx(0.25), pytest.approx(0.9))


@pytest.mark.parametrize("weights", [[1.0, -1.0, 1.0], [0, 0, 0], [1.0, np.nan, 1.0], [1.0, 1.0]])
def test_what_are_no_weights(weights: list[float]) -> None:
    with pytest.raises(TailtuneError, match="weights must be finite numbers of 0 or more"):
        scored([0, 1, 0], [[0.5, 0.5]] * 3, TWO, weights=weights)

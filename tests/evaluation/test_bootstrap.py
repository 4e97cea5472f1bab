from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import metrics as reference

from tailtune.errors import TailtuneError
from tailtune.evaluation.bootstrap import Difference, intervals, paired_difference, with_intervals
from tailtune.evaluation.measures.auroc import auroc
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.evaluation.measures.kappa import kappa
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.resampling import Resampling
from tailtune.profile import ClassProfile


def predictions(support: tuple[int, ...], lift: float = 1.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled rows, `support` of each class, with probabilities rounded so that scores tie."""
    rng = np.random.default_rng(seed)
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(len(support)), support))
    logits = rng.normal(size=(len(targets), len(support)))
    logits[np.arange(len(targets)), targets] += lift
    probabilities = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 3)
    return targets, probabilities / probabilities.sum(axis=1, keepdims=True)


def values(y: np.ndarray, p: np.ndarray, profile: ClassProfile) -> dict[str, float]:
    predicted, present = p.argmax(axis=1), np.unique(y)
    tail = np.isin(y, profile.tail)
    areas = {k: reference.average_precision_score(y == k, p[:, k]) for k in present}
    roc = [reference.roc_auc_score(y == k, p[:, k]) for k in present]
    found = {
        "accuracy": reference.accuracy_score(y, predicted),
        "balanced_accuracy": reference.recall_score(y, predicted, labels=present, average="macro"),
        "macro_f1": reference.f1_score(y, predicted, labels=present, average="macro"),
        "tail_accuracy": float((predicted == y)[tail].mean()) if tail.any() else float("nan"),
        "log_loss": reference.log_loss(y, p, labels=np.arange(profile.num_classes)),
        "ece": summarise(y, p, profile).metrics["ece"],
        "macro_auprc": float(np.mean(list(areas.values()))),
        "macro_auroc": float(np.mean(roc)),
    }
    if profile.num_classes == 2:
        rare = profile.tail[-1]
        found |= {"auprc": areas[rare], "auroc": reference.roc_auc_score(y == rare, p[:, rare])}
    else:
        classes = np.arange(profile.num_classes)
        rarest = [areas[k] for k in profile.tail if k in areas]
        found["tail_auprc"] = float(np.mean(rarest)) if rarest else float("nan")
        found["kappa"] = reference.cohen_kappa_score(y, predicted, labels=classes, weights="quadratic")
    return found


def draws(y: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """How often each of the rows `y`, sorted by class, is drawn [N, resamples]."""
    return np.concatenate([times for _, times in Resampling.of(y, int(y.max()) + 1, resamples, seed).blocks()], axis=1)


def resampled(y: np.ndarray, p: np.ndarray, profile: ClassProfile, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """The slow way: repeat the rows as drawn and compute every metric again."""
    order = np.argsort(y, kind="stable")
    drawn = draws(y[order], resamples, seed).astype(int)
    each = [values(np.repeat(y[order], w), np.repeat(p[order], w, axis=0), profile) for w in drawn.T]
    return {name: np.array([one[name] for one in each]) for name in each[0]}


@pytest.mark.parametrize("support", [(60, 25), (40, 30, 20, 12, 6, 1), (30, 0, 9, 20)])
def test_intervals_agree_with_repeating_the_rows(support: tuple[int, ...]) -> None:
    y, p = predictions(support)
    profile = ClassProfile(tuple(10 * n + 1 for n in support))
    found = intervals(y, p, profile, resamples=60, seed=5)
    slow = resampled(y, p, profile, resamples=60, seed=5)
    estimate = values(y, p, profile)
    for name, [low, high] in found.items():
        column = slow[name] - (slow[name].mean() - estimate[name] if name == "ece" else 0)
        assert [low, high] == pytest.approx(np.percentile(column, [2.5, 97.5]), abs=2e-6), name
    defined = [name for name in slow if np.isfinite(slow[name]).all()]
    assert sorted(found) == sorted(defined)


def test_paired_difference_scores_both_on_the_same_rows() -> None:
    y, a = predictions((60, 25))
    _, b = predictions((60, 25), lift=0.5, seed=1)
    profile = ClassProfile((600, 250))
    found = paired_difference(y, a, b, profile, resamples=60, seed=5)
    slow_a, slow_b = (resampled(y, p, profile, resamples=60, seed=5) for p in (a, b))
    assert set(found) == {measure.key for measure in with_intervals()} - {"kappa", "tail_auprc"}
    for name, entry in found.items():
        point = values(y, a, profile)[name] - values(y, b, profile)[name]
        difference = slow_a[name] - slow_b[name]
        difference -= difference.mean() - point if name == "ece" else 0
        assert entry.difference == pytest.approx(point, abs=2e-6)
        assert entry.interval == pytest.approx(np.percentile(difference, [2.5, 97.5]), abs=2e-6), name


def test_a_system_does_not_differ_from_itself() -> None:
    y, p = predictions((40, 20, 10))
    for entry in paired_difference(y, p, p, ClassProfile((400, 200, 100)), resamples=50).values():
        assert entry == Difference(0.0, (0.0, 0.0))


def test_every_resample_keeps_the_class_sizes() -> None:
    y = np.repeat(np.arange(4), [5, 0, 1, 200])
    for weights, _ in Resampling.of(y, 4, resamples=40).blocks():
        per_class = np.add.reduceat(weights, [0, 5, 6], axis=0)
        np.testing.assert_array_equal(per_class, np.tile([[5], [1], [200]], weights.shape[1]))


def test_draws_are_uniform_within_a_class() -> None:
    drawn = draws(np.repeat([0, 1], [20, 50]), 20_000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=1), 1, atol=0.05)
    np.testing.assert_allclose(drawn[:20].var(axis=1), 0.95, atol=0.05)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 60])
    held = 0
    for trial in range(200):
        right = rng.random(210) < np.where(y == 0, 0.8, 0.6)
        p = np.eye(2)[np.where(right, y, 1 - y)]
        low, high = intervals(y, p, ClassProfile((150, 60)), [balanced_accuracy], 200, trial)["balanced_accuracy"]
        held += low <= 0.7 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_the_calibration_interval_holds_the_estimate_where_resampling_is_biased() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 400)
    y = (rng.random(400) < confidence).astype(int)
    p = np.stack([1 - confidence, confidence], axis=1)
    profile = ClassProfile.from_targets(y)
    low, high = intervals(y, p, profile)["ece"]
    assert 0 <= low < summarise(y, p, profile).metrics["ece"] < high


def test_the_calibration_interval_is_of_the_likeliest_class_whatever_is_answered() -> None:
    y, p = predictions((160, 40))
    profile = ClassProfile((160, 40))
    others = np.where(p[:, 1] > 0.2, 1, 0)
    assert intervals(y, p, profile, answers=others)["ece"] == intervals(y, p, profile)["ece"]


def test_the_same_seed_gives_the_same_interval() -> None:
    y, p = predictions((40, 20, 10))
    profile = ClassProfile((400, 200, 100))
    assert intervals(y, p, profile, seed=3) == intervals(y, p, profile, seed=3)
    assert intervals(y, p, profile, seed=3) != intervals(y, p, profile, seed=4)


def test_sixteen_thousand_rows_take_seconds_at_most() -> None:
    y, a = predictions((12435, 3846))
    _, b = predictions((12435, 3846), lift=1.2, seed=1)
    start = time.process_time()
    paired_difference(y, a, b, ClassProfile((24720, 7841)))
    assert time.process_time() - start < 15  # about 1.6 s on an idle core; the bound catches another order of growth


def test_the_roc_interval_is_that_of_counted_pairs() -> None:
    """Every pair of a rare and a common row, ties as one half, with each row as often as it is drawn."""
    y, p = predictions((50, 9), lift=0.3)
    score = np.round(p[np.argsort(y, kind="stable"), 1], 1)  # many ties
    y = np.sort(y)
    drawn = draws(y, 200, 4)
    wins = (score[50:, None] > score[:50]) + 0.5 * (score[50:, None] == score[:50])
    areas = np.einsum("ir,ij,jr->r", drawn[50:], wins, drawn[:50]) / (50 * 9)
    found = intervals(y, np.stack([1 - score, score], axis=1), ClassProfile((500, 90)), [auroc], 200, 4)
    assert found["auroc"] == pytest.approx(np.percentile(areas, [2.5, 97.5]), abs=1e-9)


def test_a_constant_answer_agrees_exactly_as_chance_does() -> None:
    y, _ = predictions((41, 17, 7))
    for k in range(3):
        p = np.tile(np.eye(3)[k], (len(y), 1))
        assert intervals(y, p, ClassProfile((400, 170, 70)), [kappa])["kappa"] == (0, 0)
        assert summarise(y, p, ClassProfile((400, 170, 70))).metrics["kappa"] == 0


def test_agreement_worse_than_chance_has_an_interval_below_zero() -> None:
    y = np.repeat([0, 1, 2], 30)
    p = np.eye(3)[np.where(np.arange(90) % 3, 2 - y, y)]
    low, high = intervals(y, p, ClassProfile((300, 300, 300)), [kappa])["kappa"]
    assert low < summarise(y, p, ClassProfile((300, 300, 300))).metrics["kappa"] < high < 0


def test_rows_of_one_class_have_no_agreement_and_no_ranking() -> None:
    zeros = np.zeros(5, dtype=int)
    assert "auroc" not in intervals(zeros, np.eye(2)[zeros], ClassProfile((90, 10)))
    assert "kappa" not in intervals(zeros, np.eye(3)[zeros], ClassProfile((90, 10, 5)))


def test_bad_requests_are_told() -> None:
    y, p = predictions((10, 10))
    with pytest.raises(TailtuneError, match="one resample"):
        intervals(y, p, ClassProfile((10, 10)), resamples=0)
    with pytest.raises(TailtuneError, match="finite"):
        paired_difference(y, p, p * np.nan, ClassProfile((10, 10)))

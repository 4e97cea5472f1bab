from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from tailtune.errors import TailtuneError
from tailtune.evaluation.measures.kappa import quadratic_kappa
from tailtune.evaluation.metrics import summarise
from tailtune.profile import ClassProfile
from tailtune.run.result import to_json


def predictions(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), targets] += 1
    probabilities = np.exp(logits)
    return targets, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_multiclass_figures_agree_with_scikit_learn() -> None:
    y, p = predictions(500, 6)
    profile = ClassProfile((500, 200, 90, 40, 15, 5))
    found, predicted = summarise(y, p, profile), p.argmax(axis=1)
    assert found.metrics["accuracy"] == pytest.approx(reference.accuracy_score(y, predicted))
    assert found.metrics["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y, predicted))
    assert found.metrics["macro_f1"] == pytest.approx(reference.f1_score(y, predicted, average="macro"))
    assert found.metrics["log_loss"] == pytest.approx(reference.log_loss(y, p))
    assert found.metrics["macro_auroc"] == pytest.approx(reference.roc_auc_score(y, p, multi_class="ovr"))
    one_hot = np.eye(6)[y]
    assert found.metrics["macro_auprc"] == pytest.approx(reference.average_precision_score(one_hot, p, average="macro"))
    assert found.confusion == tuple(map(tuple, reference.confusion_matrix(y, predicted).tolist()))
    precision, recall, f1, support = reference.precision_recall_fscore_support(y, predicted)
    for k, entry in enumerate(found.per_class):
        assert entry.precision == pytest.approx(precision[k])
        assert entry.recall == pytest.approx(recall[k])
        assert entry.f1 == pytest.approx(f1[k])
        assert entry.support == support[k]
        assert entry.train_count == profile.counts[k]
    assert found.metrics["kappa"] == pytest.approx(reference.cohen_kappa_score(y, predicted, weights="quadratic"))
    assert "auprc" not in found.metrics


def test_kappa_is_one_for_agreement_zero_for_chance_and_weighs_far_misses_more() -> None:
    assert quadratic_kappa(np.diag([5, 3, 2])) == 1
    assert quadratic_kappa(np.outer([5, 3, 2], [1, 4, 5])) == pytest.approx(0)
    near, far = np.diag([5, 3, 2]), np.diag([5, 3, 2])
    near[0, 1] = far[0, 2] = 2
    assert 0 < quadratic_kappa(far) < quadratic_kappa(near) < 1
    assert quadratic_kappa([[0, 0, 0], [0, 7, 0], [0, 0, 0]]) is None
    assert quadratic_kappa([[0, 0, 0], [0, 7, 3], [0, 0, 0]]) == 0


def test_parts_of_the_distribution_follow_the_training_counts() -> None:
    y, p = predictions(600, 6, seed=2)
    found, hit = summarise(y, p, ClassProfile((5, 500, 200, 90, 40, 15))), p.argmax(axis=1) == y
    assert found.metrics["tail_accuracy"] == pytest.approx(hit[y == 0].mean())
    assert found.metrics["head_accuracy"] == pytest.approx(hit[y == 1].mean())
    assert found.metrics["many_accuracy"] == pytest.approx(hit[np.isin(y, [1, 2])].mean())
    assert found.metrics["medium_accuracy"] == pytest.approx(hit[np.isin(y, [3, 4])].mean())
    assert found.metrics["few_accuracy"] == pytest.approx(hit[np.isin(y, [0, 5])].mean())
    assert summarise(y, p, ClassProfile((500,) * 6)).metrics["few_accuracy"] is None


@pytest.mark.parametrize("counts", [(900, 100), (100, 900)])
def test_binary_area_is_of_the_rarer_class(counts: tuple[int, int]) -> None:
    y, p = predictions(400, 2)
    rare = int(np.argmin(counts))
    found = summarise(y, p, ClassProfile(counts))
    assert found.metrics["auprc"] == pytest.approx(reference.average_precision_score(y == rare, p[:, rare]))
    assert found.metrics["auroc"] == pytest.approx(reference.roc_auc_score(y == rare, p[:, rare]))
    assert found.metrics["prevalence"] == pytest.approx((y == rare).mean())


def test_a_class_without_rows_is_named_and_left_out_of_the_means() -> None:
    y, p = predictions(300, 4)
    y, p = y[y != 2], p[y != 2]
    found = summarise(y, p, ClassProfile((100, 50, 20, 10), names=("a", "b", "c", "d")))
    present = [0, 1, 3]
    assert found.absent == ("c",)
    assert found.per_class[2].recall is None
    assert found.per_class[2].auprc is None
    recalls = [found.per_class[k].recall for k in present]
    assert found.metrics["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    predicted = p.argmax(axis=1)
    assert found.metrics["macro_f1"] == pytest.approx(reference.f1_score(y, predicted, labels=present, average="macro"))
    assert found.metrics["macro_auprc"] == pytest.approx(
        np.mean([reference.average_precision_score(y == k, p[:, k]) for k in present])
    )


def test_a_test_set_of_one_class_has_no_ranking_and_no_tail() -> None:
    found = summarise([0, 0], [[0.9, 0.1], [0.4, 0.6]], ClassProfile((90, 10), names=("no", "yes")))
    assert found.metrics["accuracy"] == 0.5
    assert found.metrics["auroc"] is None
    assert found.metrics["auprc"] is None
    assert found.metrics["tail_accuracy"] is None
    assert found.absent == ("yes",)


def test_a_class_never_predicted_has_no_precision_and_f1_zero() -> None:
    found = summarise([0, 1], [[0.9, 0.1], [0.8, 0.2]], ClassProfile((9, 1)))
    assert found.per_class[1].precision is None
    assert found.per_class[1].f1 == 0


def test_certain_and_wrong_costs_a_finite_log_loss() -> None:
    y, p = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    found = summarise(y, p, ClassProfile((1, 1)))
    assert found.metrics["log_loss"] == pytest.approx(-np.log(np.finfo(np.float64).eps) / 2)


def test_many_classes_in_single_precision_are_ready_for_json() -> None:
    y, p = predictions(3000, 300)
    found = json.loads(to_json(summarise(y, p.astype(np.float32), ClassProfile(tuple(range(300, 0, -1))))))
    assert len(found["per_class"]) == 300
    assert np.sum(found["confusion"]) == 3000


@pytest.mark.parametrize(
    ("targets", "probabilities", "told"),
    [
        ([0, 1], [[0.5, 0.5], [np.nan, 1.0]], "row 1 holds"),
        ([0, 1], [[0.5, 0.5], [np.inf, 1.0]], "finite"),
        ([0, 1], [[0.5, 0.5], [2.0, 1.0]], "row 1 sums to 3"),
        ([0, 1], [[0.5, 0.5], [-0.5, 1.5]], "smallest entry -0.5"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "span 0..2"),
        ([-1, 1], [[0.5, 0.5], [0.5, 0.5]], "span -1..1"),
        ([0, 1], [[1.0], [1.0]], "shape \\(2, 2\\)"),
        ([0.5, 1], [[0.5, 0.5], [0.5, 0.5]], "class indices"),
        ([], [], "class indices"),
    ],
)
def test_bad_input_is_told_in_one_line(targets: list[float], probabilities: list[list[float]], told: str) -> None:
    with pytest.raises(TailtuneError, match=told) as raised:
        summarise(targets, probabilities, ClassProfile((9, 1)))
    assert "\n" not in str(raised.value)

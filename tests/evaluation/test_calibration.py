from __future__ import annotations

import numpy as np
import pytest

from tailtune.evaluation.calibration import (
    bin_index,
    classwise_calibration_error,
    expected_calibration_error,
    reliability,
)


def predictions(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, rows), rng.dirichlet(np.full(classes, 0.5), rows)


def reference_ece(targets: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            gap = abs((predicted[inside] == targets[inside]).mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return error


def reference_classwise(targets: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    errors = []
    for k in range(probabilities.shape[1]):
        column, error = probabilities[:, k], 0.0
        for b in range(bins):
            inside = (column > b / bins) & (column <= (b + 1) / bins)
            if b == 0:
                inside |= column == 0
            if inside.any():
                error += inside.mean() * abs((targets[inside] == k).mean() - column[inside].mean())
        errors.append(error)
    return float(np.mean(errors))


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("bins", [10, 15])
def test_both_errors_agree_with_their_equations(classes: int, bins: int) -> None:
    targets, probabilities = predictions(400, classes)
    assert expected_calibration_error(targets, probabilities, bins) == pytest.approx(
        reference_ece(targets, probabilities, bins)
    )
    assert classwise_calibration_error(targets, probabilities, bins) == pytest.approx(
        reference_classwise(targets, probabilities, bins)
    )


def test_certain_and_right_is_perfect_certain_and_wrong_is_not() -> None:
    one_hot = np.eye(3)
    assert expected_calibration_error(np.arange(3), one_hot) == 0
    assert classwise_calibration_error(np.arange(3), one_hot) == 0
    assert expected_calibration_error(np.array([1, 2, 0]), one_hot) == 1


def test_probabilities_on_the_edges_fall_into_the_bin_below() -> None:
    assert bin_index(np.array([0.0, 0.2, 0.2000001, 1.0]), 5).tolist() == [0, 0, 1, 4]


def test_reliability_counts_every_row_and_reproduces_the_error() -> None:
    targets, probabilities = predictions(300, 4, seed=1)
    table = reliability(targets, probabilities)
    assert len(table) == 15
    assert sum(entry.count for entry in table) == 300
    assert table[0].count == 0
    assert table[0].confidence is None
    error = sum(e.count / 300 * abs(e.accuracy - e.confidence) for e in table if e.count)
    assert error == pytest.approx(expected_calibration_error(targets, probabilities))

"""The penalty of logistic regression, where none is given."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from tailtune.data.dataset import Part
from tailtune.data.splits import folds
from tailtune.models.classical import logistic_regression
from tailtune.models.classical.logistic_regression import FOLDS, TRIED, _best_log_loss, fit


def rows(count: int, columns: int, seed: int, shift: float = 1.0) -> Part:
    """A class of every third row, which the first column tells, among columns that tell nothing."""
    rng = np.random.default_rng(seed)
    y = (np.arange(count) % 3 == 0).astype(np.int64)
    x = rng.normal(size=(count, columns))
    x[:, 0] += shift * y
    return Part(
        (torch.tensor(x, dtype=torch.float32), torch.zeros(count, 0, dtype=torch.int64)),
        torch.from_numpy(y),
        np.arange(count).astype(str),
        None,
    )


def penalty(part: Part, **more: object) -> float:
    shape = {"numeric": part.inputs[0].shape[1], "cardinalities": []}
    return float(fit(part, None, shape, 2, 0, **more).classifier[-1].C)  # type: ignore[arg-type]


def log_loss_by_hand(part: Part, c: float, weights: np.ndarray | None = None) -> float:
    """Scikit-learn's model on four of five parts of the rows at a time; the temperature from a fine grid."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y = part.inputs[0].numpy(), part.targets.numpy()
    fold, logits = folds(y, FOLDS, 0), np.zeros(len(y))
    for number in range(FOLDS):
        kept = fold != number
        scaler = StandardScaler().fit(x[kept])
        model = LogisticRegression(C=c, max_iter=1000)
        model.fit(scaler.transform(x[kept]), y[kept], None if weights is None else weights[kept])
        logits[~kept] = model.decision_function(scaler.transform(x[~kept]))
    signed = np.where(y == 1, logits, -logits)
    return min(
        float(np.average(np.log1p(np.exp(-signed / temperature)), weights=weights))
        for temperature in np.geomspace(0.05, 20, 4000)
    )


def while_it_falls(losses: list[float]) -> float:
    falls = [*(after < before for before, after in pairwise(losses)), False]
    return TRIED[falls.index(False)]


def test_the_penalty_is_the_best_on_rows_left_out_after_a_temperature() -> None:
    part = rows(90, 60, 0)
    losses = [log_loss_by_hand(part, c) for c in TRIED]
    assert while_it_falls(losses) < TRIED[0]
    assert penalty(part) == while_it_falls(losses)


def test_few_columns_and_many_rows_keep_the_librarys_own_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    part = rows(90, 60, 0)
    assert penalty(part) < TRIED[0]
    assert penalty(part, settings={"C": 0.5}) == 0.5
    monkeypatch.setattr(logistic_regression, "MOST_CELLS", 90 * 60 * 2 - 1)
    assert penalty(part) == TRIED[0]
    monkeypatch.undo()
    monkeypatch.setattr(logistic_regression, "ROWS_A_COLUMN", 1.5)
    assert penalty(part) == TRIED[0]


def test_weights_of_rows_count_in_fitting_and_in_judging() -> None:
    part, weights = rows(90, 60, 0), np.where(np.arange(90) < 45, 3.0, 0.2)
    expected = while_it_falls([log_loss_by_hand(part, c, weights) for c in TRIED])
    assert expected != while_it_falls([log_loss_by_hand(part, c) for c in TRIED])
    assert penalty(part, row_weights=(weights, weights[:0])) == expected


def test_copies_in_groups_do_not_vote_for_a_weak_penalty() -> None:
    """Each row five times: apart from its copies, it asks for the penalty of one; beside them, for none."""
    once = rows(60, 80, 1, shift=0.3)
    copies = once.take(np.repeat(np.arange(60), 5))
    assert penalty(replace(copies, groups=np.repeat(np.arange(60), 5))) < penalty(copies)


def test_a_class_of_one_row_is_always_learnt_and_never_judged() -> None:
    part = rows(40, 3, 0)
    targets = torch.zeros(40, dtype=torch.int64)
    targets[0] = 1
    assert penalty(replace(part, targets=targets)) in TRIED
    assert penalty(part.take(np.array([0, 1]))) == TRIED[0]  # nothing can be left out


def test_the_temperature_is_the_one_of_the_lowest_log_loss() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 3))
    y = (logits + rng.gumbel(size=(200, 3))).argmax(1)  # drawn from their softmax
    scaled = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sharp = np.exp(5 * logits) / np.exp(5 * logits).sum(1, keepdims=True)
    assert _best_log_loss(scaled, y, None) == pytest.approx(_best_log_loss(sharp, y, None), abs=1e-5)
    assert _best_log_loss(scaled, y, None) <= -np.log(scaled[np.arange(200), y]).mean()

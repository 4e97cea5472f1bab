"""Alarms are counted as a loop over the rows would; recall at a number of alarms knows no threshold."""

from __future__ import annotations

import numpy as np
import pytest

from tailtune.evaluation.alarms import count_alarms, recall_at_alarms
from tailtune.evaluation.bootstrap import Difference, class_means, intervals, paired_difference
from tailtune.evaluation.resampling import Resampling
from tailtune.evaluation.scored import scored
from tailtune.profile import ClassProfile

PROFILE = ClassProfile((80, 60, 40, 20, 10, 8, 6, 5, 4, 3))  # the last two are the rarest fifth


def predictions(seed: int = 0, support: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ten classes with probabilities that tie often."""
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(10), support))
    logits = rng.integers(0, 3, size=(len(targets), 10)).astype(float)
    logits[np.arange(len(targets)), targets] += 1
    p = np.exp(logits)
    return targets, p / p.sum(axis=1, keepdims=True)


def test_alarms_are_counted_row_by_row() -> None:
    y, p = predictions()
    answers = p.argmax(axis=1)
    found = count_alarms(scored(y, p, PROFILE).confusion, PROFILE.tail)
    rare, named = np.isin(y, (8, 9)), np.isin(answers, (8, 9))
    assert (found.rows, found.alarms, found.found) == (rare.sum(), named.sum(), (rare & named).sum())
    assert found.right == (rare & (answers == y)).sum()
    assert (found.missed, found.false) == ((rare & ~named).sum(), (named & ~rare).sum())
    assert found.precision == pytest.approx(rare[named].mean())


def test_without_alarms_there_is_no_precision_and_no_recall_at_their_number() -> None:
    y, p = predictions()
    none = np.zeros(len(y), dtype=np.int64)
    assert count_alarms([[5, 0], [3, 0]], np.array([1])).precision is None
    assert recall_at_alarms.value(scored(y, p, PROFILE, none)) is None
    assert paired_difference(y, p, p, PROFILE, [recall_at_alarms], 20, answers=(none, none)) == {}


def expected(y: np.ndarray, p: np.ndarray, alarms: int) -> float:
    """What a random order of tied rows finds on average, over many of them."""
    rare, likely = np.isin(y, (8, 9)), p[:, [8, 9]].sum(axis=1)
    rng = np.random.default_rng(0)
    tries = [rare[np.lexsort((rng.random(len(y)), -likely))[:alarms]].sum() for _ in range(4000)]
    return float(np.mean(tries) / rare.sum())


@pytest.mark.parametrize("alarms", [1, 17, 60, 300])
def test_ties_are_taken_in_equal_part(alarms: int) -> None:
    y, p = predictions()
    answers = np.zeros(len(y), dtype=np.int64)
    answers[:alarms] = 9
    found = recall_at_alarms.value(scored(y, p, PROFILE, answers))
    assert found == pytest.approx(expected(y, p, alarms), abs=0.01)


def test_of_two_classes_it_is_the_recall_of_the_answers_themselves() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 40])
    rare = rng.random(240) * 0.5 + 0.2 * y
    p = np.stack([1 - rare, rare], axis=1)
    rows = scored(y, p, ClassProfile((200, 40)), (rare > 0.4).astype(np.int64))
    assert recall_at_alarms.value(rows) == pytest.approx(float((rare[y == 1] > 0.4).mean()))


def test_the_threshold_of_neither_system_matters() -> None:
    y, a = predictions()
    answers = a.argmax(axis=1)
    sharper = a**3 / (a**3).sum(axis=1, keepdims=True)
    two = ClassProfile((90, 10))
    y2, a2 = (y == 9).astype(int), np.stack([1 - sharper[:, 9], sharper[:, 9]], axis=1)
    b2 = a2**2 / (a2**2).sum(axis=1, keepdims=True)
    chosen = (answers == 9).astype(int)
    found = paired_difference(y2, a2, b2, two, [recall_at_alarms], 100, answers=(chosen, chosen))
    assert found["recall_at_alarms"] == Difference(0.0, (0.0, 0.0))


def test_weighted_rows_and_repeated_rows_agree() -> None:
    from dataclasses import replace

    y, p = predictions(support=8)
    both = [recall_at_alarms, replace(recall_at_alarms, key="slow", resampled=None)]
    found = intervals(y, p, PROFILE, both, resamples=40)
    assert found["recall_at_alarms"] == pytest.approx(found["slow"], abs=1e-6)


def test_class_means_are_those_of_the_rows_and_spread_as_the_bootstrap_says() -> None:
    y = np.array([2, 0, 0, 2, 2, 0])
    columns = np.array([[1.0], [2.0], [4.0], [5.0], [6.0], [6.0]])
    first, *others = class_means(Resampling.of(y, 3, resamples=4000), columns)
    assert first[0].ravel().tolist() == [4.0, 0.0, 4.0]
    spread = np.concatenate(others)[:, 0, 0].std()
    assert spread == pytest.approx(columns[y == 0].std() / np.sqrt(3), rel=0.05)

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import betaincinv

from tailtune.decision.abstention import Abstention, fit_abstention
from tailtune.errors import TailtuneError


def rows(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes, the more probable one with a uniform probability u in 0.5..1, which is true as often as it says.

    Above a threshold t, the share of wrong answers is (1 - t) / 2.
    """
    u = rng.uniform(0.5, 1, size=size)
    return np.stack([u, 1 - u], axis=1), (rng.uniform(size=size) > u).astype(np.int64)


def test_the_promise_is_kept_over_many_draws() -> None:
    rng, draws = np.random.default_rng(0), 400
    for size in (300, 2000):
        thresholds = np.array(
            [fit_abstention(*rows(rng, size), error=0.1, confidence=0.9).threshold for _ in range(draws)]
        )
        broken = (thresholds < 0.8).mean()  # at 0.8, one in ten answers is wrong
        assert broken <= 0.1 + 3 * (0.09 / draws) ** 0.5
    assert np.median(thresholds) < 0.9, "with 2000 rows, most that can be answered should be"


def test_the_bound_is_clopper_and_pearsons() -> None:
    rng = np.random.default_rng(1)
    p, y = rows(rng, 3000)
    found = fit_abstention(p, y, error=0.1)
    answered = found(p)
    n, wrong = answered.sum(), (p.argmax(axis=1) != y)[answered].sum()
    assert (found.answered, found.wrong) == (n / 3000, wrong / n)
    assert betaincinv(wrong + 1, n - wrong, 1 - 0.05 / 4) <= 0.1
    n = n + 1  # the next row would not have passed
    order = np.argsort(-p.max(axis=1))
    wrong = (p.argmax(axis=1) != y)[order[:n]].sum()
    assert betaincinv(wrong + 1, n - wrong, 1 - 0.05 / 4) > 0.1


def test_everything_is_answered_where_all_answers_are_right() -> None:
    p = np.tile([0.6, 0.4], (200, 1))  # all tied
    found = fit_abstention(p, np.zeros(200, dtype=int))
    assert (found.answered, found.wrong, found.threshold, found.note) == (1.0, 0.0, 0.0, "")


def test_where_no_threshold_keeps_the_error_nothing_is_answered() -> None:
    rng = np.random.default_rng(2)
    p, _ = rows(rng, 1000)
    found = fit_abstention(p, rng.integers(2, size=1000))
    assert found.threshold == math.inf
    assert not found(p).any()
    assert found.note == "Nothing is answered: no threshold keeps the error at 5 % with 95 % confidence on these rows."
    few = fit_abstention(p[:85], p[:85].argmax(axis=1))
    assert few.note == "Nothing is answered: to promise an error of at most 5 % with 95 % confidence takes 86 rows."
    assert fit_abstention(p[:86], p[:86].argmax(axis=1)).answered == 1


def test_answers_need_not_be_the_most_probable_class() -> None:
    rng = np.random.default_rng(3)
    p, y = rows(rng, 2000)
    answers = np.ones(2000, dtype=int)  # always the second, whose probability is under a half
    never = fit_abstention(p, y, error=0.1, answers=answers)
    assert never.threshold == math.inf
    found = fit_abstention(p, y, error=0.1, answers=p.argmax(axis=1))
    assert found.threshold == fit_abstention(p, y, error=0.1).threshold
    np.testing.assert_array_equal(found(p, answers), p[:, 1] > found.threshold)


def test_the_state_restores_the_abstention() -> None:
    rng = np.random.default_rng(4)
    p, y = rows(rng, 2000)
    for error in (0.1, 0.0001):  # the second answers nothing
        found = fit_abstention(p, y, error=error)
        settings, arrays = found.state()
        again = Abstention.from_state(json.loads(json.dumps(settings, allow_nan=False)), arrays)
        assert again == found
        np.testing.assert_array_equal(again(p), found(p))
    with pytest.raises(TailtuneError, match="but of kind 'prior'"):
        Abstention.from_state({"kind": "prior"}, {})


def test_refusals() -> None:
    p = [[0.8, 0.2], [0.3, 0.7]]
    with pytest.raises(TailtuneError, match="error must lie between 0 and 1"):
        fit_abstention(p, [0, 1], error=0)
    with pytest.raises(TailtuneError, match="confidence must lie between 0 and 1"):
        fit_abstention(p, [0, 1], confidence=1.0)
    with pytest.raises(TailtuneError, match="answers must be one class index for each of the 2 rows"):
        fit_abstention(p, [0, 1], answers=[0])

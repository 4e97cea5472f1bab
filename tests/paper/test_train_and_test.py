from __future__ import annotations

from collections.abc import Mapping

import pytest

from tailtune.paper import fig11, fig20
from tailtune.paper.classes import at_test_ratio
from tailtune.paper.page import Row
from tailtune.paper.train_and_test import (
    BALANCED,
    EQUAL,
    OPTIMAL,
    best_train_ratio,
    by_ratio,
    by_test_ratio,
    equal_over_balanced,
    within_a_step,
)

ALIGNED: Mapping[float, tuple[float, float]] = {  # recalls of two classes by train ratio
    0.01: (1.00, 0.05),
    0.1: (0.98, 0.5),
    1.0: (0.75, 0.8),
}
STUBBORN = {0.01: (0.6, 0.6), 0.1: (0.7, 0.7), 1.0: (0.9, 0.9)}  # balanced is best everywhere


def made(recalls: Mapping[float, tuple[float, float]], scale: str = "small", study: str = "adult") -> list[Row]:
    return [
        {
            **{"study": study, "scale": scale, "ratio": ratio, "seed": seed},
            **{"balanced_accuracy": (one + other) / 2, "macro_f1": 0.5, "auprc": 0.4 + seed / 100},
            "recalls": f"{one - seed / 1000} {other - seed * ratio / 1500}",
        }
        for ratio, (one, other) in recalls.items()
        for seed in range(3)
    ]


def test_setups_take_the_training_that_they_name() -> None:
    trained = by_ratio(made(ALIGNED))
    found = by_test_ratio(trained, at_test_ratio)
    assert found[EQUAL][0.1][0] == pytest.approx((10 * 0.98 + 0.5) / 11)
    assert found[BALANCED][0.1][0] == pytest.approx((10 * 0.75 + 0.8) / 11)
    for test in trained:
        assert found[OPTIMAL][test] == max(
            [at_test_ratio(trained[ratio][seed], test) for seed in range(3)] for ratio in trained
        )
        assert best_train_ratio(trained, test, 0) == test


def test_alignment_holds_and_a_best_that_is_always_balanced_fails() -> None:
    aligned, stubborn = by_ratio(made(ALIGNED)), by_ratio(made(STUBBORN))
    better, near = equal_over_balanced(aligned), within_a_step(aligned)
    assert better is not None
    assert near is not None
    assert better.mean is not None
    assert better.mean > 0
    assert near.differences == (1.0, 1.0, 1.0)  # the best lies on the diagonal, a step is a decade
    far = within_a_step(stubborn)
    assert far is not None
    assert far.differences == (0.0, 0.0, 0.0)  # 2, 1 and 0 decades away
    for subject in (fig11, fig20):
        assert subject.claims(made(ALIGNED))[0].verdict == "held"
        assert subject.claims(made(STUBBORN))[0].verdict == "failed"
        assert {claim.verdict for claim in subject.claims(made(ALIGNED, "smoke"))} == {"cannot be told at this scale"}


def test_what_is_unfinished_has_no_numbers_and_no_verdict() -> None:
    rows = made(ALIGNED)[:1] + made(ALIGNED)[5:]
    rows = [row for row in rows if row["ratio"] != 0.1 or row["seed"] == 2]
    for subject in (fig11, fig20):
        assert subject.claims(rows)[0].verdict == "cannot be told at this scale"
        assert subject.tables(rows)[0].rows


def test_tables_and_figures() -> None:
    (table,) = fig20.tables(made(ALIGNED))
    assert table.rows[0] == ("0.01", "same as test", "1.04 ± 0.06", "95.00 ± 0.00", "0.10 ± 0.06")
    assert set(fig20.figures(made(ALIGNED))) == {"fig20-adult", "fig21", "precursor-fig2-adult"}
    assert set(fig20.figures(made(ALIGNED, study="covertype"))) == {
        "fig20-covertype",
        "fig22",
        "precursor-fig2-covertype",
    }
    assert set(fig11.figures(made(ALIGNED))) == {"fig11-adult", "fig12-adult"}
    assert fig11.tables(made(ALIGNED))[0].rows[0][-1] == "0.01, 0.01, 0.01"

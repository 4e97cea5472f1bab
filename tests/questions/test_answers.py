"""Sentences on constructed rows: what surely is better is said, what is worse is not, and noise cannot be told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tailtune.questions.choice import RARE, TEST, VALIDATION, choice_answer
from tailtune.questions.growth_answer import answer as growth_answer
from tailtune.questions.question import Row
from tailtune.questions.ratio import sizes
from tailtune.questions.ratio_answer import OWN, WEIGHED
from tailtune.questions.ratio_answer import answer as ratio_answer


def choice(validation: float, test: float, noise: float = 0.002) -> list[Row]:
    """Five seeds of a reference of 0.7 and of another arm that differs so much on both parts."""
    rng = np.random.default_rng(0)
    return [
        {
            "dataset": "/data/rows.csv",
            "arm": arm,
            "reference": arm == "64",
            "seed": seed,
            VALIDATION: 0.7 + gains[0],
            TEST: 0.7 + gains[1] + noise * rng.standard_normal(),
            RARE: 0.5,
            "seconds": 1.0,
        }
        for arm, gains in (("64", (0.0, 0.0)), ("16", (validation, test)))
        for seed in range(5)
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            choice(0.05, 0.05),
            "take batches of 16 rather than batches of 64: chosen on validation rows, +5.0 [",
        ),
        (
            choice(0.05, 0.0, 0.05),
            "The data cannot tell batches of 16, the best on validation rows of rows.csv, from",
        ),
        (
            choice(0.05, -0.05),
            "against it batches of 16, the best on validation rows, had −5.0 [",
        ),
        (
            choice(-0.05, 0.05),
            "nothing was better on validation rows (batches of 16 on test rows: +5.0 [",
        ),
        (choice(0.05, 0.05)[::5], "no interval: one seed"),
        ([row for row in choice(0.05, 0.05) if not row["reference"]], "cannot tell yet"),
    ],
)
def test_a_choice_is_made_on_validation_and_told_on_test_rows(rows: list[Row], words: str) -> None:
    found = choice_answer(rows, "batch-size", "Which?", lambda arm: f"batches of {arm}")
    assert words in found.sentence
    assert found.sentence.endswith(".")


def ratio_rows(losses: dict[str, float], noise: float = 0.001) -> list[Row]:
    rng = np.random.default_rng(0)
    return [
        {
            "dataset": "adult",
            "arm": arm,
            "seed": seed,
            "training_rows": 200,
            "rarest": "rich",
            "rarest_share": 0.5 if arm == "ratio 1" else 0.1,
            "use": use,
            "use_share": share,
            "corrected": corrected,
            "validation_log_loss": loss,
            "validation_accuracy": 0.8,
            "test_log_loss": loss + noise * rng.standard_normal(),
            "test_accuracy": 0.8,
        }
        for arm, loss in losses.items()
        for seed in range(5)
        for use, share in (("in use", 0.1), ("0.1", 0.0909), ("1", 0.5))
        for corrected in (False, True)
    ]


@pytest.mark.parametrize(
    ("losses", "noise", "words"),
    [
        ({OWN: 0.4, WEIGHED: 0.5, "ratio 1": 0.3}, 0.001, ("collect 50 % of it in training rather", "do not weigh")),
        (
            {OWN: 0.4, WEIGHED: 0.3, "ratio 1": 0.5},
            0.001,
            ("collect the data's own balance (10 %)", "; weigh the classes"),
        ),
        ({OWN: 0.4, WEIGHED: 0.4, "ratio 1": 0.39}, 0.05, ("the data cannot tell 50 % of it", "cannot be told once")),
        ({OWN: 0.4, "ratio 1": 0.3}, 0.001, ("rather than", "class weights were not trained")),
    ],
)
def test_a_balance_is_collected_where_it_is_surely_better(
    losses: dict[str, float], noise: float, words: tuple[str, str]
) -> None:
    found = ratio_answer(ratio_rows(losses, noise))
    assert all(each in found.sentence for each in words), found.sentence
    assert found.sentence.startswith("On adult with 10 % of 'rich' in use")
    assert set(found.figures) == {"ratio", "ratio-error"}
    assert "nothing is trained at the data's own balance" in ratio_answer([]).sentence


def test_sizes_share_their_total_and_give_no_class_more_than_it_has() -> None:
    counts = np.array([50.0, 1000.0, 300.0])
    total, kept = sizes(counts, [0.01, 0.1, 1.0])
    assert total == 150
    assert kept[1.0] == (50, 50, 50)
    assert all(abs(sum(rows) - total) <= 2 and rows[1] >= rows[2] >= rows[0] for rows in kept.values())
    assert 0.01 not in kept  # one row of the rarest class
    assert sizes(np.array([3.0, 900.0]), [1.0]) == (6, {})


def grown(rare: Callable[[float], float], noise: float, seeds: int = 4) -> list[Row]:
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for name, places, curve in (
        ("big", (125, 250, 500, 1000), lambda n: 0.3 + 10 / n),
        ("rare", (5, 10, 20, 40), rare),
    ):
        for seed in range(seeds):
            for n in places:
                losses = {
                    f"{part}_{of}": curve(n) + noise * rng.standard_normal()
                    for part in ("validation", "test")
                    for of in ("own", "all")
                }
                rows.append(
                    {"dataset": "d", "class": name, "largest": name == "big", "rows": n, "seed": seed, **losses}
                )
    return rows


def test_growth_finds_what_is_worth_more_or_less_and_what_cannot_be_told() -> None:
    much = growth_answer(grown(lambda n: 0.3 + 4 / n, 1e-4))  # 40 more lower it by 0.05, 400 of the largest by 0.003
    assert much.sentence.startswith("On d, 40 more rows of 'rare' are worth more than 400 of 'big'")
    assert "a difference of +0.047" in much.sentence
    little = growth_answer(grown(lambda n: 0.3 + 0.001 / n, 1e-5))
    assert "'rare' are worth less than 400 of 'big'" in little.sentence
    assert growth_answer(grown(lambda n: 0.3 + 4 / n, 0.3)).sentence.startswith("The data cannot tell whether")
    assert "one seed gives no interval" in growth_answer(grown(lambda n: 0.3 + 4 / n, 0.0, seeds=1)).sentence
    assert (
        "cannot tell yet"
        in growth_answer([row for row in grown(lambda n: 1.0, 0.0) if row["class"] == "rare"]).sentence
    )
    assert [line[0] for line in much.tables[0].rows] == ["big", "rare"]

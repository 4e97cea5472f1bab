"""Accuracy of trainings at many ratios on test rows of many ratios, and the three setups of the paper's figures.

A training is done once and scored at every test ratio: its accuracy there is the mean of its classes' recalls, weighted
by their shares, which is what test rows drawn to that ratio show on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from tailtune.paper.classes import at_test_ratio, decades
from tailtune.paper.page import Claim, Row
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.paired import Paired

EQUAL, BALANCED, OPTIMAL = "same as test", "balanced", "optimal"
SETUPS = (EQUAL, BALANCED, OPTIMAL)

ByRatio = Mapping[float, Mapping[int, Row]]


def by_ratio(rows: Sequence[Row]) -> dict[float, dict[int, Row]]:
    """The trainings of one data set by train ratio, in rising order, and seed."""
    found: dict[float, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(float(row["ratio"]), {})[int(row["seed"])] = row
    return dict(sorted(found.items()))


def best_train_ratio(trained: ByRatio, test: float, seed: int) -> float:
    """The train ratio of the highest accuracy at a test ratio for one seed; of equals the one nearest to the test's."""
    return max(
        (ratio for ratio in trained if seed in trained[ratio]),
        key=lambda ratio: (at_test_ratio(trained[ratio][seed], test), -decades(ratio, test)),
    )


def whole_seeds(trained: ByRatio) -> list[int]:
    """The seeds that every train ratio has."""
    return sorted(set.intersection(*(set(each) for each in trained.values()))) if trained else []


def of_setup(trained: ByRatio, setup: str, test: float, seed: int) -> Row:
    """The training that a setup takes for a test ratio.

    The optimum is that of all seeds' mean, found on the test rows that score it, as in the paper: its accuracy is a
    little too high.
    """
    if setup == EQUAL:
        return trained[test][seed]
    if setup == BALANCED:
        return trained[max(trained)][seed]
    seeds = whole_seeds(trained)
    best = max(trained, key=lambda ratio: np.mean([at_test_ratio(trained[ratio][each], test) for each in seeds]))
    return trained[best][seed]


def by_test_ratio(trained: ByRatio, value: Callable[[Row, float], float]) -> dict[str, dict[float, list[float]]]:
    """A figure of every setup at every test ratio, a seed each; the test ratios are those of training."""
    seeds = whole_seeds(trained)
    return {
        setup: {test: [value(of_setup(trained, setup, test, seed), test) for seed in seeds] for test in trained}
        for setup in SETUPS
    }


def equal_over_balanced(trained: ByRatio) -> Paired | None:
    """Accuracy of training at the test's ratio minus that of balanced training, mean over test ratios below 1."""
    tests = [ratio for ratio in trained if ratio < max(trained)]
    found = by_test_ratio(trained, at_test_ratio)
    gaps = [
        [one - other for one, other in zip(found[EQUAL][test], found[BALANCED][test], strict=True)] for test in tests
    ]
    return above_zero([float(value) for value in np.mean(gaps, axis=0)]) if gaps else None


def within_a_step(trained: ByRatio) -> Paired | None:
    """One step of the grid of ratios minus the distance of the best train ratio from the test's, both in decades.

    The distance is the mean over test ratios, each seed by itself: the paper's misalignment, in decades. Above 0 the
    best train ratio lies on average less than a step from the diagonal.
    """
    ratios = list(trained)
    if len(ratios) < 2:
        return None
    step = float(np.mean([decades(a, b) for a, b in pairwise(ratios)]))
    return above_zero(
        [
            step - float(np.mean([decades(best_train_ratio(trained, test, seed), test) for test in ratios]))
            for seed in whole_seeds(trained)
        ]
    )


def ratio_claims(title: str, better: str, rows: Sequence[Row]) -> list[Claim]:
    """Return whether the test's ratio is the better one to train at, and whether the best lies near it.

    Args:
        title: of the data.
        better: the first claim, in the paper's words.
        rows: of one study.
    """
    trained = by_ratio(rows)
    return [
        judged(f"{title}: {better}", "a figure", {"mean over test ratios below 1": equal_over_balanced(trained)}, rows),
        judged(
            f"{title}: the optimal train ratio is closely aligned with the test ratio",
            "a figure",
            {"one step of the grid minus the distance from the diagonal": within_a_step(trained)},
            rows,
            "decades",
            1.0,
        ),
    ]

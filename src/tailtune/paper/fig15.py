"""Figure 15: how far the best train ratio lies from the test's ratio, by the number of training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tailtune.paper.classes import cell, decades
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study
from tailtune.paper.train_and_test import best_train_ratio, by_ratio, whole_seeds
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.study import Arm

TITLE = "Figure 15: misalignment of train and test ratio by the number of training rows"
CLAIM = (
    "as the amount of training data increases, we see that the optimal training ratio becomes more and more close to "
    "the ratio of the test data"
)
TOTALS: Mapping[Scale, Sequence[int]] = {"smoke": (100, 200), "small": (1000, 2500, 6000), "full": (1000, 3000, 8000)}
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 0.03, 0.1, 0.3, 1.0),
    "full": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of numbers of rows at every ratio; on CIFAR-10, as the paper does not name the data set.

    Raises what `planned` raises.
    """
    arms = [Arm(f"{total} rows", {"total": total}) for total in TOTALS[scale]]
    sets = ("cifar10",) if scale == "full" else ()
    return planned(scale, asked, arms, RATIOS[scale], sets, epochs=25 if scale == "small" else None)


def misalignments(rows: Sequence[Row], total: int) -> dict[int, float]:
    """Mean over test ratios of the distance of the best train ratio, in powers of ten, by seed."""
    trained = by_ratio([row for row in rows if int(row["total"]) == total])
    return {
        seed: float(np.mean([decades(best_train_ratio(trained, test, seed), test) for test in trained]))
        for seed in whole_seeds(trained)
    }


def _totals(rows: Sequence[Row]) -> list[int]:
    return sorted({int(row["total"]) for row in rows})


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return the misalignment by number of rows, for each data set."""
    return tuple(
        Table(
            f"{study}: mean over test ratios of the distance between the best train ratio and the test's ratio, in "
            "powers of ten, mean ± standard error over seeds. The best ratio is that of each seed by itself, on the "
            "test rows.",
            ("training rows", "misalignment, decades"),
            tuple((str(total), cell(list(misalignments(own, total).values()), 1.0, 2)) for total in _totals(own)),
        )
        for study, own in by_study(rows).items()
    )


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return the misalignment by number of rows, for each data set."""
    made = {}
    for study, own in by_study(rows).items():
        curves = {study: {float(total): list(misalignments(own, total).values()) for total in _totals(own)}}
        panel = Panel("best train ratio", "training rows", "distance from the test's ratio, decades", curves, 10, False)
        made[f"fig15-{study}"] = panels([panel], f"fig15-{study}", f"{study}: misalignment by training rows")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the misalignment falls from the fewest rows to the most."""
    found = []
    for study, own in by_study(rows).items():
        few, many = (misalignments(own, pick(_totals(own))) for pick in (min, max))
        less = above_zero([few[seed] - many[seed] for seed in sorted(few.keys() & many.keys())])
        words = f"{min(_totals(own))} minus {max(_totals(own))} rows"
        found.append(judged(f"{study}: {CLAIM}", "a figure", {words: less}, own, "decades", 1.0))
    return tuple(found)

"""Figures 11 to 14: accuracy by test ratio for three choices of the train ratio, and the best train ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.paper.classes import at_test_ratio, cell, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study
from tailtune.paper.train_and_test import (
    SETUPS,
    best_train_ratio,
    by_ratio,
    by_test_ratio,
    ratio_claims,
    whole_seeds,
)
from tailtune.study.study import Arm

TITLE = "Figures 11 to 14: train ratio against test ratio, and the optimal train ratio"
CLAIM = (
    "training on data with the same imbalance as the testing data is superior to training on balanced data, and the "
    "two strategies only approach equal performance when the testing data becomes balanced"
)
RATIOS: Mapping[Scale, tuple[float, ...]] = {
    "smoke": (0.1, 0.3, 1.0),
    "small": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "full": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
TOTAL = 7000  # of CIFAR-100, which has no more at a ratio of 0.001


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of ratios, of trainings with the same number of rows; Figures 11 and 12 on CIFAR-100, 13 on
    CINIC-10 and 14 on CIFAR-10 at full. Raises what `planned` raises.
    """
    sets = ("cifar100", "cinic10", "cifar10") if scale == "full" else ()
    return planned(scale, asked, [Arm("ERM")], RATIOS[scale], sets, total=TOTAL if scale == "full" else None)


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return accuracies by test ratio and setup with the best train ratio of each seed, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        trained = by_ratio(own)
        accuracy = by_test_ratio(trained, at_test_ratio)
        rare = by_test_ratio(trained, lambda row, _: minority(row))
        lines = []
        for test in trained:
            best = [f"{best_train_ratio(trained, test, seed):g}" for seed in whole_seeds(trained)]
            cells = [cell(found[setup][test]) for found in (accuracy, rare) for setup in SETUPS]
            lines.append((f"{test:g}", *cells, ", ".join(best)))
        made.append(
            Table(
                f"{study}: accuracy by test ratio in per cent, mean ± standard error over seeds, of training at the "
                "test's ratio, on balanced rows, and at the best of the ratios, which is chosen on the test rows that "
                "score it; then the same of the rarest fifth of the classes. Last, the best train ratio of each seed. "
                "All trainings have the same number of rows.",
                (
                    "test ratio",
                    *SETUPS,
                    *(f"rarest, {setup}" for setup in SETUPS),
                    "best train ratios",
                ),
                tuple(lines),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return, for each data set, accuracy by test ratio (11), the best train ratio (12) and the minority's (14)."""
    made = {}
    for study, own in by_study(rows).items():
        trained = by_ratio(own)
        best = {
            "geometric mean over seeds": {
                test: [best_train_ratio(trained, test, seed) for seed in whole_seeds(trained)] for test in trained
            }
        }
        shown = [
            Panel("all classes", "test ratio", "test accuracy", by_test_ratio(trained, at_test_ratio), log=10),
            Panel(
                "rarest fifth of classes",
                "test ratio",
                "test accuracy",
                by_test_ratio(trained, lambda row, _: minority(row)),
                log=10,
            ),
        ]
        optimum = Panel(
            "grey dots: seeds; dotted line: equal", "test ratio", "best train ratio", best, log=10, diagonal=True
        )
        made[f"fig11-{study}"] = panels(shown, f"fig11-{study}", f"{study}: accuracy by test ratio and train ratio")
        made[f"fig12-{study}"] = panels([optimum], f"fig12-{study}", f"{study}: best train ratio by test ratio")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the test's ratio is the better one to train at, and whether the best lies near it."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        found += ratio_claims(study, CLAIM, own)
    return tuple(found)

"""Figures 20 to 22: error on minority and majority by test ratio, for networks, trees and support vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailtune.errors import TailtuneError, nearest
from tailtune.paper import pictures
from tailtune.paper.classes import at_test_ratio, cell, majority, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.rows import by_study
from tailtune.paper.train_and_test import best_train_ratio, by_ratio, by_test_ratio, ratio_claims, whole_seeds
from tailtune.study.study import Arm, Study

TITLE = (
    "Figures 20 to 22, and the precursor's 1, 2 and 11 to 13: train and test ratio of a ResNet on CIFAR-10, XGBoost on "
    "Adult and an SVM on Covertype"
)
CLAIM = "training on data with the same imbalance as the testing data is superior to training on balanced data"
TITLES = {"cifar10": "ResNet on CIFAR-10", "adult": "XGBoost on Adult", "covertype": "SVM on Covertype"}
MODELS = {  # as the precursor has them, but for XGBoost's rounds, which are 200 here and 100 there
    "adult": "xgboost(learning_rate=0.3, max_depth=6, subsample=0.5, min_child_weight=1.0, reg_lambda=1.0, "
    "colsample_bylevel=1.0)",
    "covertype": "linear-svc",
}
RATIOS: Mapping[Scale, tuple[float, ...]] = {
    "smoke": (0.1, 1.0),
    "small": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "full": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
TOTAL: Mapping[Scale, int] = {"smoke": 100, "small": 7000, "full": 7000}  # rows of both classes of a table
SEEDS: Mapping[Scale, int] = {"smoke": 2, "small": 10, "full": 10}  # of tables, which take seconds
PICTURES: Mapping[Scale, str] = {"smoke": "digits", "small": "cifar10", "full": "cifar10"}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of ratios for each data set. A seed changes the training rows too, since little else of the SVM
    depends on it.

    Raises:
        TailtuneError: a data set that is not among them.
    """
    sets = (PICTURES[scale], "adult", "covertype")
    for name in asked.data:
        if name not in sets:
            raise TailtuneError(
                f"at {scale} there is no data set {name!r}.{nearest(name, sets)} There is {', '.join(sets)}"
            )
    found: dict[str, Planned] = {}
    for name in asked.data or sets:
        if name in MODELS:
            found[name] = Planned(of_table(name, scale, asked), used={})
        else:
            found |= _of_pictures(name, scale, asked)
    return found


def of_table(name: str, scale: Scale, asked: Asked) -> Study:
    """Return the study of ratios of a table, each training by its model of `MODELS`."""
    return Study(
        arms=(Arm(TITLES[name]),),
        model=MODELS[name],
        data=(f"tailtune.paper.binary_tables:{name}",),
        ratios=RATIOS[scale],
        total=TOTAL[scale],
        seeds=SEEDS[scale] if asked.seeds is None else asked.seeds,
        vary="both",
        method="erm",
        decision="none",
        selection="last",
        threads=1,
        data_root=asked.data_root,
        jobs=asked.jobs,
        out=f"{asked.out}/{name}",
    )


def _of_pictures(name: str, scale: Scale, asked: Asked) -> dict[str, Planned]:
    from dataclasses import replace

    model = "resnet34" if scale == "full" else None
    return pictures.planned(
        scale,
        replace(asked, data=()),
        [Arm(TITLES["cifar10"])],
        RATIOS[scale],
        (name,),
        model=model,
        total=8000 if scale == "full" else None,
    )


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return errors by test ratio and setup, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        trained = by_ratio(own)
        errors = {what: by_test_ratio(trained, error) for what, error in ERRORS.items()}
        lines = [
            (f"{test:g}", setup, *(cell(errors[what][setup][test], digits=2) for what in ERRORS))
            for test in trained
            for setup in errors["all rows"]
        ]
        seeds = len(whole_seeds(trained))
        made.append(
            Table(
                f"{_title(study)}: errors on test rows in per cent, mean ± standard error over {seeds} seeds. All "
                "trainings have the same number of rows. The optimum is chosen on the test rows that score it.",
                ("test ratio", "train ratio", *ERRORS),
                tuple(lines),
            )
        )
    return tuple(made)


def _title(study: str) -> str:
    return TITLES.get(study, f"ResNet on {study}")


ERRORS = {
    "all rows": lambda row, test: 1 - at_test_ratio(row, test),
    "minority": lambda row, test: 1 - minority(row),
    "majority": lambda row, test: 1 - majority(row),
}
NUMBERS = {"adult": 21, "covertype": 22}


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return the errors by test ratio (Figure 20), and of tables further measures by train ratio (21 and 22)."""
    made = {}
    for study, own in by_study(rows).items():
        trained = by_ratio(own)
        shown = [
            Panel(what, "test ratio", "test error", _named(by_test_ratio(trained, error)), log=10)
            for what, error in ERRORS.items()
        ]
        made[f"fig20-{study}"] = panels(shown, f"fig20-{study}", f"{_title(study)}: error by test ratio")
        best = {
            "geometric mean over seeds": {
                test: [best_train_ratio(trained, test, seed) for seed in whole_seeds(trained)] for test in trained
            }
        }
        optimum = Panel(
            "grey dots: seeds; dotted line: equal", "test ratio", "best train ratio", best, log=10, diagonal=True
        )
        made[f"precursor-fig2-{study}"] = panels(
            [optimum], f"precursor-fig2-{study}", f"{_title(study)}: best train ratio"
        )
        if study in NUMBERS:
            more = {
                "balanced accuracy": "balanced_accuracy",
                "macro F1": "macro_f1",
                "average precision": "auprc",
            }
            curves = {
                name: {ratio: [float(row[key]) for row in each.values()] for ratio, each in trained.items()}
                for name, key in more.items()
            }
            name = f"fig{NUMBERS[study]}"
            made[name] = panels(
                [Panel(_title(study), "train ratio", "on all test rows as they are", curves, log=10)],
                name,
                f"{_title(study)}: further measures by train ratio",
            )
    return made


def _named(found: Mapping[str, Mapping[float, Sequence[float]]]) -> dict[str, Mapping[float, Sequence[float]]]:
    return {f"trained: {setup}": places for setup, places in found.items()}


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether training at the test's ratio is better than balanced, and whether it is near the optimum."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        found += ratio_claims(_title(study), CLAIM, own)
    return tuple(found)

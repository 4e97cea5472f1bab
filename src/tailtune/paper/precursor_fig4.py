"""The precursor's Figures 4, 5, 14, 15, 17 and 18: fitting minority rows, and whether it helps networks and XGBoost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tailtune.errors import TailtuneError, nearest
from tailtune.paper import fig20, pictures
from tailtune.paper.classes import at_test_ratio, balanced, cell, majority, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.looked_into import fitted
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.paired import Paired
from tailtune.study.study import Arm, Study

TITLE = "Precursor, Figures 4, 5, 14, 15, 17 and 18: fitting minority rows"
CLAIM = "minority data is hard to fit, but fitting it does not help"
STANDARD, OVERSAMPLED, OVERFITTED = "standard", "oversampling", "many epochs at a low rate"
RATIOS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 1.0),
    "small": (0.01, 0.1, 1.0),
    "full": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
LONGER, SLOWER = 3, 0.1  # epochs and rate of `OVERFITTED` over those of the standard training
MARGIN = 0.01  # a gain below it does not help; ours, the precursor names none


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of the ways of training at every ratio: of networks, and of XGBoost on Adult without the long one,
    since its rounds are given.

    Raises:
        TailtuneError: a data set that is not among them.
    """
    own = pictures.SHARED[scale].data if scale == "smoke" else "cifar10"
    sets = (own, "adult")
    for name in asked.data:
        if name not in sets:
            raise TailtuneError(
                f"at {scale} there is no data set {name!r}.{nearest(name, sets)} There is {', '.join(sets)}"
            )
    found = {}
    for name in asked.data or sets:
        if name == "adult":
            arms = (Arm(STANDARD), Arm(OVERSAMPLED, {"method": "oversample"}))
            study = replace(fig20.of_table(name, scale, asked), arms=arms, ratios=tuple(RATIOS[scale]))
        else:
            study = _of_pictures(name, scale, asked)
        found[name] = Planned(replace(study, keep="model"), columns=fitted)
    return found


def _of_pictures(name: str, scale: Scale, asked: Asked) -> Study:
    epochs = {"smoke": 1, "small": 20, "full": 100}[scale]
    longer = {"epochs": LONGER * epochs, "lr": SLOWER * 0.1}
    arms = [Arm(STANDARD), Arm(OVERSAMPLED, {"method": "oversample"}), Arm(OVERFITTED, longer)]
    plain = {"epochs": epochs, "policy": "none", "weight_decay": 0.0, "ema": 0.0}
    full = {"model": "resnet34", "total": 8000} if scale == "full" else {"total": 3000} if scale == "small" else {}
    (one,) = pictures.planned(scale, replace(asked, data=()), arms, RATIOS[scale], (name,), **plain, **full).values()
    return one.study


def _trained(of: Callable[[Row], float]) -> Callable[[Row], float]:
    """The same figure of the training rows."""
    return lambda row: of({**row, "recalls": row["fitted"]})


def _own_ratio(row: Row) -> float:
    return at_test_ratio(row, float(row["ratio"]))


FIGURES: Mapping[str, Callable[[Row], float]] = {
    "training rows, minority": _trained(minority),
    "training rows, majority": _trained(majority),
    "balanced test rows": balanced,
    "test rows of the train ratio": _own_ratio,
}


def _by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {arm: [row for row in rows if row["arm"] == arm] for arm in dict.fromkeys(str(row["arm"]) for row in rows)}


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return errors on training and test rows by ratio and way of training, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        lines = [
            (
                f"{ratio:g}",
                arm,
                *(cell([1 - of(row) for row in each if row["ratio"] == ratio]) for of in FIGURES.values()),
            )
            for ratio in ratios_of(own)
            for arm, each in _by_arm(own).items()
        ]
        made.append(
            Table(
                f"{_title(study)}: errors in per cent by argmax, mean ± standard error over seeds; minority and "
                "majority are the rarest and the largest fifth of the classes. Training rows are taken as they are.",
                ("train ratio", "training", *FIGURES),
                tuple(lines),
            )
        )
    return tuple(made)


def _title(study: str) -> str:
    return fig20.TITLES["adult"] if study == "adult" else f"ResNet on {study}"


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return the errors of standard training on training rows (4), and of all ways on all rows (5, 14, 15, 17, 18)."""
    made = {}
    for study, own in by_study(rows).items():
        ratios, arms = ratios_of(own), _by_arm(own)

        def errors(arm: str, of: str) -> dict[float, list[float]]:
            return {
                ratio: [1 - FIGURES[of](row) for row in arms[arm] if row["ratio"] == ratio]  # noqa: B023
                for ratio in ratios  # noqa: B023
            }

        first = Panel(
            "standard training",
            "train ratio",
            "error on training rows",
            {of.removeprefix("training rows, "): errors(STANDARD, of) for of in list(FIGURES)[:2]},
            log=10,
        )
        shown = [Panel(of, "train ratio", "error", {arm: errors(arm, of) for arm in arms}, log=10) for of in FIGURES]
        made[f"precursor-fig4-{study}"] = panels([first], f"precursor-fig4-{study}", f"{study}: training error")
        made[f"precursor-fig5-{study}"] = panels(shown, f"precursor-fig5-{study}", f"{study}: errors by training")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether minority rows are fitted less, whether other ways fit them, and whether that helps on new rows."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        low, title, arms = ratios_of(own)[0], _title(study), _by_arm(own)
        rare, frequent = (FIGURES[name] for name in list(FIGURES)[:2])
        standard = [row for row in arms[STANDARD] if row["ratio"] == low]
        gap = above_zero([frequent(row) - rare(row) for row in standard])
        found.append(
            judged(
                f"{title}: standard training routines fail to fit minority samples",
                "a figure",
                {f"majority minus minority training rows at {low:g}": gap},
                own,
            )
        )
        others = [arm for arm in arms if arm != STANDARD]
        fits = {f"{arm} at {low:g}": _over(own, low, arm, rare) for arm in others}
        found.append(judged(f"{title}: such methods indeed help to fit minority samples", "a figure", fits, own))
        gains = {arm: _over(own, low, arm, balanced) for arm in others}
        if study == "adult":
            helps = {f"{arm} at {low:g}": one for arm, one in gains.items()}
            found.append(judged(f"{title}: oversampling is helpful for XGBoost", "a figure", helps, own))
        else:
            less = {
                f"{MARGIN:.0%} minus the gain of {arm} at {low:g}": None
                if one is None
                else above_zero([MARGIN - float(value) for value in one.differences])
                for arm, one in gains.items()
            }
            found.append(
                judged(
                    f"{title}: overfitting with a low learning rate or oversampling does not improve generalization; "
                    "here: by less than a point on balanced test rows",
                    "a figure",
                    less,
                    own,
                )
            )
    return tuple(found)


def _over(rows: Sequence[Row], ratio: float, arm: str, of: Callable[[Row], float]) -> Paired | None:
    own, other = (
        {int(row["seed"]): of(row) for row in rows if row["ratio"] == ratio and row["arm"] == name}
        for name in (arm, STANDARD)
    )
    return above_zero([own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())])

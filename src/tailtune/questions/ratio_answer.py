"""What a study of ratios says: the balance to collect and whether to weigh classes, by log loss in use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailtune.paper.classes import cell
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Table
from tailtune.questions.question import Answer, Row, short_name
from tailtune.study.paired import Paired, paired_t
from tailtune.words import quoted, short_percent, signed

OWN, WEIGHED = "own balance", "own balance, classes weighed"
IN_USE = "in use"
CORRECTED = {False: "as the model says", True: "priors corrected to the balance in use"}


def answer(rows: Sequence[Row]) -> Answer:
    """Return which balance to collect and whether to rebalance, for the balance in use.

    The balance is chosen by the validation rows' log loss with corrected priors, and compared with the data's own on
    test rows over paired seeds.
    """
    arms = list(dict.fromkeys(str(row["arm"]) for row in rows))
    if OWN not in arms:
        return Answer("The data cannot tell yet: nothing is trained at the data's own balance.", (), {})
    figures = {
        "ratio": panels(_panels(rows, arms, "log_loss"), "ratio", "Log loss by the balance in use and of training"),
        "ratio-error": panels(
            _panels(rows, arms, "error"), "ratio-error", "Error by the balance in use and of training"
        ),
    }
    return Answer(_sentence(rows, arms), (_table(rows, arms),), figures)


def _sentence(rows: Sequence[Row], arms: Sequence[str]) -> str:
    collected = [arm for arm in arms if arm != WEIGHED]
    best = min(collected, key=lambda arm: (np.mean(_values(rows, arm, True, "validation_log_loss")), arm != OWN))
    first = rows[0]
    use = next(row["use_share"] for row in rows if row["use"] == IN_USE)
    where = f"On {short_name(first['dataset'])} with {short_percent(use)} of {quoted(str(first['rarest']))} in use"
    shares = {arm: next(float(row["rarest_share"]) for row in rows if row["arm"] == arm) for arm in arms}
    apart = difference(rows, best, OWN)
    named = f"{short_percent(shares[best])} of it in training"
    own = f"the data's own balance ({short_percent(shares[OWN])})"
    if best == OWN:
        others = [arm for arm in collected if arm != OWN]
        second = min(others, key=lambda arm: np.mean(_values(rows, arm, True, "validation_log_loss")), default=None)
        beside = (
            f" ({short_percent(shares[second])} of it: log loss {told(difference(rows, second, OWN))})"
            if second
            else ""
        )
        collect = f"{where}, collect {own}: nothing was better on validation rows{beside}"
    elif apart.interval is None or apart.interval[0] <= 0 <= apart.interval[1]:
        collect = (
            f"{where}, the data cannot tell {named}, the best on validation rows, from {own} (log loss {told(apart)})"
        )
    elif apart.interval[1] < 0:
        collect = f"{where}, collect {named} rather than {own} (log loss {told(apart)})"
    else:
        collect = (
            f"{where}, collect {own}: {named} was the best on validation rows, but is worse (log loss {told(apart)})"
        )
    return f"{collect}; {_rebalance(rows, arms)}."


def _rebalance(rows: Sequence[Row], arms: Sequence[str]) -> str:
    if WEIGHED not in arms:
        return "class weights were not trained"
    found = difference(rows, WEIGHED, OWN)
    if found.interval is None or found.interval[0] <= 0 <= found.interval[1]:
        return f"whether to weigh classes in training cannot be told once priors are corrected (log loss {told(found)})"
    if found.interval[1] < 0:
        return f"weigh the classes in training, and correct the priors then (log loss {told(found)})"
    return f"do not weigh classes in training, even if priors are corrected then (log loss {told(found)})"


def difference(rows: Sequence[Row], arm: str, other: str) -> Paired:
    """Return the test rows' log loss in use of an arm minus that of another, priors corrected, over paired seeds."""
    one, two = (_by_seed(rows, name, True, "test_log_loss") for name in (arm, other))
    seeds = sorted(one.keys() & two.keys())
    return paired_t([one[seed] for seed in seeds], [two[seed] for seed in seeds])


def told(found: Paired) -> str:
    """Write a difference of log losses with its interval."""
    if found.mean is None:
        return "no seed in common"
    mean = signed(found.mean, 4)
    if found.interval is None:
        return f"{mean}, no interval from {'one seed' if found.n == 1 else 'seeds that all gave the same'}"
    low, high = (signed(end, 4) for end in found.interval)
    return f"{mean} [{low}, {high}]"


def _by_seed(rows: Sequence[Row], arm: str, corrected: bool, figure: str, use: str = IN_USE) -> dict[int, float]:
    return {
        int(row["seed"]): float(row[figure])
        for row in rows
        if (row["arm"], row["corrected"], row["use"]) == (arm, corrected, use) and row.get(figure) is not None
    }


def _values(rows: Sequence[Row], arm: str, corrected: bool, figure: str) -> list[float]:
    return list(_by_seed(rows, arm, corrected, figure).values())


def _table(rows: Sequence[Row], arms: Sequence[str]) -> Table:
    lines = []
    for arm in arms:
        share = next(float(row["rarest_share"]) for row in rows if row["arm"] == arm)
        losses = [cell(_values(rows, arm, corrected, "test_log_loss"), 1.0, 4) for corrected in CORRECTED]
        errors = [
            cell([1 - value for value in _values(rows, arm, corrected, "test_accuracy")], 100.0, 2)
            for corrected in CORRECTED
        ]
        apart = "–" if arm == OWN else told(difference(rows, arm, OWN))
        lines.append((arm, short_percent(share), *losses, *errors, apart))
    number = next(int(row["training_rows"]) for row in rows)
    return Table(
        f"Trainings on about {number} rows, scored on test rows that count as the classes do in use; mean ± standard "
        "error over seeds. Log loss and error in per cent without and with priors corrected to the balance in use; "
        "last, corrected log loss minus that of the data's own balance with its 95 % interval over paired seeds.",
        (
            "trained on",
            "share of the rarest",
            "log loss",
            "corrected",
            "error",
            "corrected error",
            "from the data's own balance",
        ),
        tuple(lines),
    )


def _panels(rows: Sequence[Row], arms: Sequence[str], figure: str) -> list[Panel]:
    """A panel without and one with corrected priors: a figure on test rows by the rarest class's share in use."""
    made = []
    for corrected, words in CORRECTED.items():
        curves: dict[str, dict[float, list[float]]] = {arm: {} for arm in arms}
        for row in rows:
            if row["corrected"] == corrected and row["use"] != IN_USE:
                value = float(row["test_log_loss"]) if figure == "log_loss" else 1 - float(row["test_accuracy"])
                curves[str(row["arm"])].setdefault(round(float(row["use_share"]), 4), []).append(value)
        made.append(
            Panel(
                words,
                f"share of {quoted(str(rows[0]['rarest']))} in use",
                "log loss in use" if figure == "log_loss" else "error in use",
                curves,
                log=10,
                percent=figure == "error",
            )
        )
    return made

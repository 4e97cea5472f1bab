"""`tailtune study growth`: of which class further rows are worth most, by a learning curve of each class.

One class at a time is cut down to parts of its rows while the others keep all of theirs. Losses weigh the classes alike
and have the class priors off, so that a class is not better off only because it is met more often in training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.data.dataset import Kind
from tailtune.errors import TailtuneError
from tailtune.questions.balances import Floats, Scores, over_classes, scores_of_test, scores_of_validation
from tailtune.questions.growth_answer import answer as answer
from tailtune.questions.question import Base, Question, Row, plain, shares
from tailtune.run.finished import Finished
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study

TITLE = "Of which class to collect more?"
ASKS = "of which class further rows are worth most"
LIMITS = (
    "What more rows would bring is read off a curve through the rows that there are, to at most twice as many of a "
    "class: an extrapolation. It takes further rows to be like those that there are.",
    "The class is chosen on validation rows; losses are those of test rows with the class priors off.",
    "Intervals are over seeds, and do not hold how far the form of the curve is wrong.",
)
CAPTION = "Means over seeds with their standard errors, and the power law with an offset through them."
SHARES = (0.125, 0.25, 0.5)
MOST = 6  # classes that grow: the largest and the rarest
ALL = "all rows"
OF_ROUTINE = ("batch_size", "optimizer", "lr", "weight_decay", "ema", "policy", "patience")


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with plain training, and boosted trees for tables.

    Raises:
        TailtuneError: an objective, which this study has itself.
    """
    if asked.objective is not None:
        raise TailtuneError(f"tailtune study growth is about log loss; leave --objective {asked.objective} out")
    return plain(asked, kind)


def design(base: Base) -> Study:
    """Return the study: each class at parts of its rows. The routine is that of all rows, with as many steps.

    Raises:
        TailtuneError: shares out of range, or classes too small to be cut down.
    """
    parts = shares(base.asked.values, "shares of the rows of a class") or list(SHARES)
    places = {k: _places(base.counts[k], parts) for k in growing(base.counts)}
    large = [k for k, rows in places.items() if len(rows) >= 2]
    if max(range(len(base.counts)), key=lambda k: base.counts[k]) not in large or len(large) < 2:
        raise TailtuneError(
            f"a learning curve needs two parts of the rows of a class and all of them, and the classes have "
            f"{min(base.counts)} to {max(base.counts)} training rows; collect more, or give --values closer to 1"
        )
    arms = [Arm(ALL, {"class_rows": base.counts})]
    for k in large:
        for rows in places[k]:
            kept = tuple(rows if other == k else count for other, count in enumerate(base.counts))
            name = f"{base.dataset.names[k]}: {rows} of {base.counts[k]}"
            arms.append(Arm(name, {"class_rows": kept, **_as_many_steps(base, kept)}))
    routine = {name: getattr(base.run, name) for name in OF_ROUTINE if getattr(base.run, name) is not None}
    if base.run.epochs is not None:
        routine["epochs"] = base.run.epochs
    return replace(base.asked.study(arms, baseline=ALL, decision="none"), **routine)


def growing(counts: Sequence[int]) -> list[int]:
    """Return the classes that grow: the largest and the rarest others.

    >>> growing([5, 100, 20])
    [1, 0, 2]
    """
    order = sorted(range(len(counts)), key=lambda k: (-counts[k], k))
    return [order[0], *reversed(order[1:][-(MOST - 1) :])]


def _places(count: int, parts: Sequence[float]) -> list[int]:
    """Numbers of rows below `count`, rising; without those of one row."""
    return sorted({rows for part in parts if 2 <= (rows := round(part * count)) < count})


def _as_many_steps(base: Base, kept: Sequence[int]) -> dict[str, Any]:
    """Epochs that make as many steps on fewer rows; trees have none."""
    if base.run.epochs is None:
        return {}
    return {"epochs": math.ceil(base.run.epochs * sum(base.counts) / sum(kept))}


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row for each training and class that grows in it: the class's own log loss, and that of all classes."""
    names = base.dataset.names
    found: list[Row] = []
    grown = [k for k in growing(base.counts) if any(_is_of(row, names[k]) for row in result.rows)]
    for row in result.rows:
        run = Finished(folder / str(row["folder"]))
        losses = {
            part: _losses(scores)
            for part, scores in (
                ("validation", scores_of_validation(run.predictions)),
                ("test", scores_of_test(run.predictions)),
            )
            if scores is not None
        }
        for k in grown:
            if row["arm"] != ALL and not _is_of(row, names[k]):
                continue
            found.append(
                {
                    "dataset": row["dataset"],
                    "class": names[k],
                    "largest": base.counts[k] == max(base.counts),
                    "rows": run.result.data.profile.counts[k],
                    "seed": row["seed"],
                    **{f"{part}_own": float(own[k]) for part, own in losses.items()},
                    **{f"{part}_all": over_classes(own, np.ones(len(own))) for part, own in losses.items()},
                }
            )
    return found


def _is_of(row: Row, name: str) -> bool:
    return str(row["arm"]).rpartition(": ")[0] == name


def _losses(scores: Scores) -> Floats:
    """Log loss of each class [K] with the class priors off."""
    return scores.log_losses(scores.at(np.full(len(scores.implied), 1 / len(scores.implied))))

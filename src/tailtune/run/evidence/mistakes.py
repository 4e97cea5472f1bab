"""The test rows with wrong answers: all of them as a table, the most confident ones of each class to be shown."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.files import write_whole
from tailtune.profile import ClassProfile, Indices
from tailtune.run.evidence.record import Mistake, Mistakes
from tailtune.run.folder import Predictions
from tailtune.run.predict import without_formulas

if TYPE_CHECKING:
    import polars as pl

FILE = "mistakes.csv"
LISTED = 1000  # of a class, in the file
SHOWN_CLASSES = 12  # where there are more, half of these are the rarest, half the worst of the others
LONGEST = 60  # characters of a value


def worst_first(made: Predictions, k: int) -> Indices:
    """Positions of the test rows of class `k` with another answer, the lowest probability of the class first."""
    wrong = np.flatnonzero((made.targets == k) & (made.model.answers != k))
    return wrong[np.argsort(made.model.probabilities[wrong, k], kind="stable")]


def shown_classes(made: Predictions, profile: ClassProfile) -> list[int]:
    """The classes whose mistakes are shown, from the rarest in training: those that have any, at most 12 of them."""
    wrong = np.bincount(made.targets[made.targets != made.model.answers], minlength=profile.num_classes)
    rows = np.bincount(made.targets, minlength=profile.num_classes)
    rarest = [int(k) for k in np.argsort(profile.counts, kind="stable") if wrong[k]]
    if len(rarest) <= SHOWN_CLASSES:
        return rarest
    first, others = rarest[: SHOWN_CLASSES // 2], rarest[SHOWN_CLASSES // 2 :]
    worst = sorted(others, key=lambda k: (-wrong[k] / rows[k], -wrong[k]))[: SHOWN_CLASSES // 2]
    return first + [k for k in others if k in worst]


def mistakes_of(
    made: Predictions, profile: ClassProfile, k: int, most: int, columns: pl.DataFrame
) -> tuple[Mistakes, Indices]:
    """Return the mistakes of class `k`, of which at most `most` are shown, and the positions of these.

    Args:
        made: predictions of the test rows.
        profile: with the names of the classes.
        k: index of the class.
        most: mistakes that are shown.
        columns: to show [N rows].
    """
    wrong = worst_first(made, k)
    values = values_of(columns, wrong[:most])
    shown = tuple(
        Mistake(
            id=str(made.ids[row]),
            answer=profile.names[made.model.answers[row]],
            probability=float(made.model.probabilities[row, made.model.answers[row]]),
            true_probability=float(made.model.probabilities[row, k]),
            values=tuple(column[i] for column in values.values()),
        )
        for i, row in enumerate(wrong[:most])
    )
    return Mistakes(profile.names[k], int((made.targets == k).sum()), len(wrong), shown), wrong[:most]


def values_of(columns: pl.DataFrame, rows: Indices) -> dict[str, list[str]]:
    """Return the values of these rows as they were read, as text; long ones are cut."""
    from tailtune.words import shortened

    return {
        column.name: ["" if value is None else shortened(str(value), LONGEST) for value in column.gather(rows)]
        for column in columns
    }


def write_mistakes(folder: Path, made: Predictions, profile: ClassProfile, columns: pl.DataFrame) -> None:
    """Write mistakes.csv: of each class, from the rarest on, up to 1000 test rows with another answer.

    Its columns are id, class, answer, probability (of the answer), true_probability, and column_NAME for each of
    `columns` [N rows]. A text that a spreadsheet would carry out gets an apostrophe before it.
    """
    import polars as pl

    order = np.argsort(profile.counts, kind="stable")
    rows = np.concatenate([worst_first(made, int(k))[:LISTED] for k in order])
    names, answers, probabilities = np.asarray(profile.names), made.model.answers[rows], made.model.probabilities[rows]
    content: dict[str, Any] = {
        "id": made.ids[rows].astype(str),
        "class": names[made.targets[rows]],
        "answer": names[answers],
        "probability": probabilities[np.arange(len(rows)), answers],
        "true_probability": probabilities[np.arange(len(rows)), made.targets[rows]],
    }
    content |= {f"column_{name}": values for name, values in values_of(columns, rows).items()}
    buffer = io.BytesIO()
    without_formulas(pl.DataFrame(content, schema_overrides=dict.fromkeys(list(content)[5:], pl.String))).write_csv(
        buffer
    )
    write_whole(folder / FILE, buffer.getvalue())

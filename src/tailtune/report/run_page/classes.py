"""The parts of a run's page about single classes: test rows, precision-recall curves, confusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.evaluation.metrics import ClassResult
from tailtune.profile import ClassProfile
from tailtune.report.run_page import figures
from tailtune.report.run_page.confusions import clustered, worst_pairs
from tailtune.report.run_page.verdict import FEW_ROWS
from tailtune.run.folder import Predictions
from tailtune.run.result import SystemResult

MATRIX_CLASSES = 12  # up to here the confusion matrix is a table with numbers
CURVE_CLASSES = 10
SUPPORT_ROWS = 8
WORST_CONFUSIONS = 12


@dataclass(frozen=True)
class Support:
    """Test rows a class: every class where they are few, else the smallest ones and the range of the others.

    Attributes:
        rows: in all.
        largest: of a class.
        listed: classes shown one by one.
        rest: number of the others.
        rest_rows: their most and fewest rows; (0, 0) without others.
        thin: classes with too few rows for a firm figure.
    """

    rows: int
    largest: int
    listed: tuple[ClassResult, ...]
    rest: int
    rest_rows: tuple[int, int]
    thin: int


@dataclass(frozen=True)
class Curve:
    """The precision-recall curves of one class, as a figure, and the area under the model's."""

    name: str
    svg: str
    area: float | None


@dataclass(frozen=True)
class Pair:
    """A class that is taken for another one: how many of its rows, of how many, and which share that is."""

    true: str
    called: str
    rows: int
    of: int
    share: float


@dataclass(frozen=True)
class MatrixCell:
    """Rows of one class with one answer, and their share of the class."""

    rows: int
    share: float
    right: bool


@dataclass(frozen=True)
class MatrixRow:
    """A class and its cells, in the order of the classes."""

    name: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class Confusion:
    """A table for few classes; a figure for many, in which they may be clustered. Beside it the worst confusions."""

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]
    rows: tuple[MatrixRow, ...] = ()
    image: str = ""
    clustered: bool = False


def support(model: SystemResult, order: Sequence[int]) -> Support:
    """Return the test rows of the classes, which are given from the largest in training to the smallest."""
    entries = sorted((model.per_class[k] for k in order), key=lambda entry: -entry.support)
    rest = entries[:-SUPPORT_ROWS] if len(entries) > SUPPORT_ROWS + 2 else []
    return Support(
        rows=sum(entry.support for entry in entries),
        largest=max(entry.support for entry in entries),
        listed=tuple(entries[len(rest) :]),
        rest=len(rest),
        rest_rows=(rest[0].support, rest[-1].support) if rest else (0, 0),
        thin=sum(0 < entry.support < FEW_ROWS for entry in entries),
    )


def curves(
    systems: Sequence[SystemResult], profile: ClassProfile, order: Sequence[int], made: Predictions
) -> list[Curve]:
    """Precision-recall curves: of the rarer class of two, of every class up to ten, of none where there are more.

    Raises:
        TailtuneError: predictions of a system that are missing.
    """
    if profile.num_classes > CURVE_CLASSES:
        return []
    model, *others = systems
    missing = [f"baseline_{system.name}" for system in others if system.name not in made.baselines]
    if missing:
        raise TailtuneError(
            f"predictions.npz lacks {', '.join(missing)}, which result.json names; run tailtune fit again to write it"
        )
    arrays = [made.model.probabilities, *(made.baselines[system.name].probabilities for system in others)]
    classes = [int(profile.tail[-1])] if profile.num_classes == 2 else order
    found = []
    for k in classes:
        entry = model.per_class[k]
        if entry.support:
            title = f"Precision and recall of class {entry.name} at every threshold"
            columns = [probabilities[:, k] for probabilities in arrays]
            at, small = (entry.recall, entry.precision), len(classes) > 1
            svg = figures.precision_recall(made.targets, columns, k, f"curve-{k}", title, at, small)
            found.append(Curve(entry.name, svg, entry.auprc))
    return found


def confusion(model: SystemResult, order: Sequence[int]) -> Confusion:
    """Return what is taken for what, with the classes in the given order, or where they are many clustered."""
    counts = np.asarray(model.confusion)
    totals = counts.sum(axis=1)
    names = [entry.name for entry in model.per_class]
    pairs = tuple(
        Pair(names[i], names[j], int(counts[i, j]), int(totals[i]), float(counts[i, j] / totals[i]))
        for i, j in worst_pairs(counts)[:WORST_CONFUSIONS]
    )
    if len(order) > MATRIX_CLASSES:
        near = clustered(counts, order)
        return Confusion(tuple(names), pairs, image=figures.confusion_figure(counts, near, names), clustered=True)
    rows = tuple(
        MatrixRow(
            names[i],
            tuple(MatrixCell(int(counts[i, j]), float(counts[i, j] / max(totals[i], 1)), i == j) for j in order),
        )
        for i in order
    )
    return Confusion(tuple(names[k] for k in order), pairs, rows)

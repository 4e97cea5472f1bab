"""What no model can exceed: rows that contradict each other, and Cover and Hart's bound from nearest neighbours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tailtune.audit.finding import Ceiling
from tailtune.audit.plain_inputs import PlainInputs
from tailtune.data.dataset import Part
from tailtune.words import percent

ASKED = 2000  # rows whose nearest neighbour is looked for
AT_ONCE = 256
NORMAL = 1.96

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def of_contradictions(same: Indices, targets: Indices, names: tuple[str, ...]) -> Ceiling | None:
    """Return the accuracy of answering each set of the same inputs by its most frequent class; None if that is all.

    Args:
        same: a number for each row, the same for rows of the same inputs [N].
        targets: class indices [N].
        names: of the classes.
    """
    table = np.zeros((int(same.max(initial=-1)) + 1, len(names)), dtype=np.int64)
    np.add.at(table, (same, targets), 1)
    right = table[np.arange(len(table)), table.argmax(axis=1)].sum()
    if right == len(targets):
        return None
    answered = table.argmax(axis=1)[same] == targets
    counts = np.bincount(targets, minlength=len(names))
    recalls = np.bincount(targets, answered.astype(np.float64), minlength=len(names)) / np.maximum(counts, 1)
    accuracy = float(right / len(targets))
    return Ceiling(
        "contradictions",
        f"Answering every set of rows of the same inputs by its most frequent class gets {percent(accuracy)} right.",
        accuracy,
        "It holds for these rows and inputs to the row: with an input more, or labels mended, it rises; and rows that "
        "have no twin by chance may contradict each other as much, so that the true ceiling is lower.",
        {names[k]: float(recalls[k]) for k in range(len(names)) if counts[k] and recalls[k] < 1},
    )


def cover_hart(error: float, num_classes: int) -> float:
    """Return the least error that any classifier can have where nearest neighbours, of endless rows, err so often.

    R >= (K - 1) / K (1 - sqrt(1 - K / (K - 1) error)).

    Source: Cover and Hart 1967, "Nearest Neighbor Pattern Classification".

    >>> round(cover_hart(0.18, 2), 4), cover_hart(0.0, 3), cover_hart(0.9, 2)
    (0.1, 0.0, 0.5)
    """
    most = (num_classes - 1) / num_classes
    return most * (1 - math.sqrt(max(0.0, 1 - error / most)))


def of_neighbours(inputs: PlainInputs, rows: Part, num_classes: int, best: float | None) -> Ceiling | None:
    """Return Cover and Hart's bound from the nearest other row of up to 2,000 rows; None with one row.

    Args:
        inputs: the rows as numbers; categories that differ count 1 each in the squared distance.
        rows: with their classes, and groups, of which no row is its own group's neighbour.
        num_classes: K.
        best: accuracy of models that had not seen the rows, which the estimate must not lie under.
    """
    targets = rows.targets.numpy()
    asked = np.sort(np.random.default_rng(0).permutation(len(rows))[:ASKED])
    nearest = nearest_rows(inputs, asked, rows.groups)
    asked, nearest = asked[nearest >= 0], nearest[nearest >= 0]
    if not len(asked):
        return None
    error = float((targets[asked] != targets[nearest]).mean())
    half = NORMAL * math.sqrt(error * (1 - error) / len(asked))
    low, high = (1 - cover_hart(min(1.0, max(0.0, error + sign * half)), num_classes) for sign in (1, -1))
    accuracy = 1 - cover_hart(error, num_classes)
    why = (
        "The bound holds where rows are endless and lie so densely that a neighbour is a twin. With few rows, many "
        "inputs, or a distance that counts what does not matter, neighbours err more than that, and a model that sees "
        "better exceeds it; with copies among the rows they err less, and it is too high."
    )
    if best is not None and best > accuracy:
        why += f" Here it is too low: models that had not seen the rows get {percent(best)} right."
    return Ceiling(
        "neighbours",
        f"The nearest other row has another class for {percent(error)} of {len(asked):,} rows, by which no model would "
        f"get more than {percent(accuracy)} right ({percent(low)} to {percent(high)} by the number of rows alone).",
        accuracy,
        why,
    )


def nearest_rows(inputs: PlainInputs, asked: Indices, groups: NDArray[np.str_] | None = None) -> Indices:
    """Return the nearest other row of each row `asked` (positions [M]), none of its group; -1 where there is none."""
    import torch

    numbers, codes = torch.from_numpy(inputs.numbers), torch.from_numpy(inputs.codes)
    group = None if groups is None else torch.from_numpy(np.unique(groups, return_inverse=True)[1])
    found = []
    for index in torch.split(torch.from_numpy(asked), AT_ONCE):
        distance = torch.cdist(numbers[index], numbers, compute_mode="donot_use_mm_for_euclid_dist").square()
        for column in codes.T:
            distance += (column[index, None] != column[None]).float()
        distance[torch.arange(len(index)), index] = torch.inf
        if group is not None:
            distance[group[index, None] == group[None]] = torch.inf
        least, at = distance.min(1)
        found.append(torch.where(least.isinf(), -1, at))
    return torch.cat(found).numpy() if found else np.zeros(0, dtype=np.int64)

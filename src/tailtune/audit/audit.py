"""`audit`: all that is looked for in the rows and labels of a data set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tailtune.audit.ceilings import of_contradictions, of_neighbours
from tailtune.audit.copies import contradicting, copies, near_of_other_classes, same_inputs
from tailtune.audit.finding import Audit, Ceiling, Finding
from tailtune.audit.fold_scores import FoldScores, quick_scores, scores_of_run
from tailtune.audit.mislabelled import mislabelled
from tailtune.audit.never_right import never_right
from tailtune.audit.plain_inputs import plain_inputs
from tailtune.data.dataset import Dataset, Part
from tailtune.data.resplit import all_rows
from tailtune.errors import TailtuneError
from tailtune.leaks.check import check_leaks
from tailtune.run.finished import Finished

TITLES = {
    "identical": "The same in two parts",
    "near": "Nearly the same in two parts",
    "group": "Groups in two parts",
    "time": "Drawn from all times",
    "identifier": "A number of the row as an input",
    "tells_class": "A column that tells the class",
}


def audit(dataset: Dataset, run: Finished | None = None) -> tuple[Audit, Part]:
    """Look into all rows of a data set, of training, validation and test together.

    Args:
        dataset: as it was opened, with its rows as they were read.
        run: with --folds, on these data, whose scores are taken in place of a quick model's.

    Returns:
        What was found, and all rows in the order of its positions.

    Raises:
        TailtuneError: no class has two rows, or a run of other rows.
    """
    rows, names = all_rows(dataset), dataset.names
    profile, targets = dataset.profile_of(rows), rows.targets.numpy()
    inputs = plain_inputs(rows, dataset.kind)
    scores = quick_scores(inputs, rows, len(names)) if run is None else scores_of_run(run, rows)
    same = same_inputs(rows, dataset)
    left_out: dict[str, str] = {}
    found: list[Finding | None] = []
    try:
        found.append(mislabelled(scores, targets, rows.ids, names))
    except TailtuneError as error:  # cleanlab is not installed
        left_out["mislabelled"] = str(error)
    found += [
        contradicting(same, rows, names),
        near_of_other_classes(rows, dataset, same),
        never_right(scores, rows, profile),
        copies(same, rows, names),
        *_leaks(dataset),
    ]
    right = scores.probabilities.argmax(axis=1) == targets[scores.rows]
    accuracy = float(right.mean())
    ceilings = of_contradictions(same, targets, names), of_neighbours(inputs, rows, len(names), accuracy)
    made = Audit(
        source=dataset.source,
        kind=dataset.kind,
        rows=len(rows),
        classes={names[k]: profile.counts[k] for k in profile.by_size.tolist()},
        scored_by=scores.said,
        accuracy=accuracy,
        balanced_accuracy=_balanced_accuracy(scores, targets, len(names)),
        findings=tuple(finding for finding in found if finding is not None),
        ceilings=tuple(_known(ceilings)),
        left_out=left_out,
    )
    return made, rows


def _balanced_accuracy(scores: FoldScores, targets: np.ndarray[tuple[int], np.dtype[np.int64]], k: int) -> float:
    """Mean recall of the classes of answers for which classes weigh alike, mean over the repeats."""
    own = targets[scores.rows]
    right = (scores.answers == own).mean(axis=0)
    counts = np.bincount(own, minlength=k)
    recalls = np.bincount(own, right, minlength=k)[counts > 0] / counts[counts > 0]
    return float(recalls.mean())


def _leaks(dataset: Dataset) -> Iterator[Finding]:
    for leak in check_leaks(dataset).found:
        yield Finding(f"leak_{leak.code}", TITLES.get(leak.code, leak.code), leak.sentence)


def _known(ceilings: tuple[Ceiling | None, ...]) -> Iterator[Ceiling]:
    return (ceiling for ceiling in ceilings if ceiling is not None)

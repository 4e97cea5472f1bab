"""Every figure that a report states about predictions on held-out rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from tailtune.evaluation.calibration import ReliabilityBin, reliability
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.scored import Scored, rarer_class, scored
from tailtune.profile import ClassProfile

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class ClassResult:
    """A class on the test rows; precision, recall, F1 and the areas are None where they are undefined.

    `asked` says that it is the one of two classes which is to be found because a person said so.
    """

    name: str
    train_count: int
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None
    asked: bool = False


def by_size(classes: Sequence[ClassResult]) -> list[ClassResult]:
    """The classes from the largest in training to the smallest, see `ClassProfile.by_size`."""
    return sorted(classes, key=lambda entry: (entry.asked, -entry.train_count))


@dataclass(frozen=True)
class Summary:
    """What a report states about predictions on held-out rows.

    Attributes:
        metrics: figures by key, None where undefined; see `summarise`.
        per_class: a row a class, in class order.
        confusion: counts [K, K], the truth by row.
        reliability: a row a bin.
        absent: names of the classes without rows.
    """

    metrics: Metrics
    per_class: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    absent: tuple[str, ...]


def scores(rows: Scored, measures: Iterable[Measure] = MEASURES) -> Metrics:
    """The value of each measure that applies, by its key; None where it is undefined on these rows.

    With two classes there is also `prevalence`, the share of the rows that belong to the class that is rarer in
    training, which is the AUPRC of a guess.
    """
    found = {measure.key: measure.value(rows) for measure in measures if measure.applies(rows.profile)}
    if rows.profile.num_classes == 2:
        found["prevalence"] = float(rows.support[rarer_class(rows.profile)] / rows.total)
    return found


def per_class(rows: Scored) -> tuple[ClassResult, ...]:
    """A row a class: name, rows in training and here, precision, recall, F1 and the areas under its curves.

    Precision is None for a class never predicted, recall and F1 for a class without rows.
    """
    hits, support, answers, profile = rows.hits, rows.support, rows.answers, rows.profile
    counts = rows.confusion.sum(axis=1)
    return tuple(
        ClassResult(
            name=profile.names[k],
            train_count=profile.counts[k],
            support=int(counts[k]),
            precision=float(hits[k] / answers[k]) if answers[k] else None,
            recall=float(hits[k] / support[k]) if support[k] else None,
            f1=float(2 * hits[k] / (support[k] + answers[k])) if support[k] else None,
            auroc=rows.roc_areas[k],
            auprc=rows.average_precisions[k],
            asked=profile.positive == k,
        )
        for k in range(profile.num_classes)
    )


def absent(rows: Scored) -> tuple[str, ...]:
    """Names of the classes without rows."""
    return tuple(rows.profile.names[k] for k in range(rows.profile.num_classes) if not rows.confusion[k].any())


def summarise(
    targets: ArrayLike,
    probabilities: ArrayLike,
    profile: ClassProfile,
    measures: Iterable[Measure] = MEASURES,
    answers: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Summary:
    """Evaluate predictions on held-out rows.

    - Head, tail, many, medium and few accuracy are the share of right predictions among the rows of those classes,
      which `profile` (the training distribution) defines; None where no row belongs to them.
    - Balanced accuracy, macro F1, macro AUROC and macro AUPRC are plain means over the classes with rows in
      `targets`; a prediction of a class without rows still counts as an error of the row's own class.
    - With three classes or more, `kappa` is quadratic-weighted: read it where the classes have an order.
    - With two classes, `auprc` is that of the class that is rarer in training, `auroc` the ROC area and
      `prevalence` the rarer class's share of the rows, which is the AUPRC of a guess.
    - Rows count by their weights, where they have such; the numbers of rows and the confusion matrix count each once.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution and names of the training rows.
        measures: what to compute.
        answers: class index that each row was given [N]; by default the most probable class (the first, if tied).
        weights: how much each row counts [N]; by default all count alike.

    Returns:
        What `scores` gives, and the rest of a `Summary`. What `scored` refuses raises a TailtuneError.

    >>> found = summarise([0, 0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], ClassProfile((90, 10)))
    >>> found.metrics["accuracy"], found.metrics["tail_accuracy"], found.confusion
    (0.75, 1.0, ((2, 1), (0, 1)))
    """
    rows = scored(targets, probabilities, profile, answers, weights)
    return Summary(
        metrics=scores(rows, measures),
        per_class=per_class(rows),
        confusion=tuple(map(tuple, rows.confusion.tolist())),
        reliability=reliability(rows.targets, rows.probabilities, weights=rows.weights),
        absent=absent(rows),
    )

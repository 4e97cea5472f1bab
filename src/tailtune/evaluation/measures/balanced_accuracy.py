"""Balanced accuracy: the mean recall of the classes with rows."""

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _value(scored: Scored) -> float:
    present = scored.present
    return float((scored.hits[present] / scored.support[present]).mean())


def _resampled(scored: Scored) -> Statistic:
    present = scored.present
    return lambda weights: (scored.hits_of(weights)[present] / scored.support[present, None]).mean(axis=0)


balanced_accuracy = Measure(
    key="balanced_accuracy",
    words="Right, classes weighing alike",
    term="balanced accuracy",
    meaning="The share of right answers within each class, averaged over the classes, so that a large class counts no "
    "more than a small one.",
    short="Balanced",
    source="Brodersen et al. 2010, The balanced accuracy and its posterior distribution",
    percent=True,
    places=("page", "terminal", "study", "columns", "demo"),
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

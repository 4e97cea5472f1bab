"""Accuracy: the share of rows that got the right class."""

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _value(scored: Scored) -> float:
    return float(scored.hits.sum() / scored.total)


def _resampled(scored: Scored) -> Statistic:
    return lambda weights: scored.hits_of(weights).sum(axis=0) / scored.total


accuracy = Measure(
    key="accuracy",
    words="Right, rows weighing alike",
    term="accuracy",
    meaning="The share of all test rows that got the right class. Large classes dominate it.",
    short="Accuracy",
    percent=True,
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

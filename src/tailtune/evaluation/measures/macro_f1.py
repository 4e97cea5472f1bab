"""Macro F1: the harmonic mean of precision and recall, averaged over the classes with rows."""

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Floats, Statistic, Weights


def _value(scored: Scored) -> float:
    present = scored.present
    return float((2 * scored.hits[present] / (scored.support + scored.answers)[present]).mean())


def _resampled(scored: Scored) -> Statistic:
    present = scored.present

    def statistic(weights: Weights) -> Floats:
        sizes = scored.support[present, None] + scored.answers_of(weights)[present]
        return (2 * scored.hits_of(weights)[present] / sizes).mean(axis=0)  # type: ignore[no-any-return]

    return statistic


macro_f1 = Measure(
    key="macro_f1",
    words="Finding without false alarms",
    term="macro F1",
    meaning="For each class the harmonic mean of how many of its rows were found (recall) and how many of the rows "
    "called so were right (precision), averaged over the classes.",
    short="Macro F1",
    source="van Rijsbergen 1979, Information retrieval, chapter 7",
    places=("page", "terminal", "study", "columns", "demo"),
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

"""Macro AUPRC: the average precision of each class, averaged over the classes with rows."""

import numpy as np

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _value(scored: Scored) -> float | None:
    defined = [area for area in scored.average_precisions if area is not None]
    return float(np.mean(defined)) if defined else None


def _resampled(scored: Scored) -> Statistic:
    areas = scored.average_precisions_of.values()
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)


macro_auprc = Measure(
    key="macro_auprc",
    words="Ranking, classes weighing alike",
    term="macro AUPRC",
    meaning="The area under the precision-recall curve, averaged over the classes: how well each class's probability "
    "sorts its rows to the top, whatever threshold is used later.",
    short="AUPRC",
    source="Davis and Goadrich 2006, The relationship between precision-recall and ROC curves",
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

"""Macro AUROC: the ROC area of each class against the others, averaged over the classes that have one."""

import numpy as np

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic, roc_area


def _value(scored: Scored) -> float | None:
    defined = [area for area in scored.roc_areas if area is not None]
    return float(np.mean(defined)) if defined else None


def _resampled(scored: Scored) -> Statistic | None:
    if len(scored.present) < 2:
        return None
    areas = [roc_area(scored.probabilities[:, k], scored.targets == k, scored.weights) for k in scored.present]
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)


macro_auroc = Measure(
    key="macro_auroc",
    words="Ranking above other classes",
    term="macro AUROC",
    meaning="The area under the ROC curve of each class against all others, averaged over the classes. A guess scores "
    "0.5.",
    short="AUROC",
    source="Hanley and McNeil 1982, The meaning and use of the area under a ROC curve",
    everywhere=False,
    places=("page",),
    value=_value,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

"""AUPRC of the rarest classes: their average precisions, averaged."""

import numpy as np

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _value(scored: Scored) -> float | None:
    defined = [area for k in scored.profile.tail if (area := scored.average_precisions[k]) is not None]
    return float(np.mean(defined)) if defined else None


def _resampled(scored: Scored) -> Statistic | None:
    of = scored.average_precisions_of
    areas = [of[int(k)] for k in scored.profile.tail if int(k) in of]
    return (lambda weights: np.mean([area(weights) for area in areas], axis=0)) if areas else None


tail_auprc = Measure(
    key="tail_auprc",
    words="Ranking rare cases first",
    term="AUPRC of the rarest 20 % of classes",
    meaning="The area under the precision-recall curve of each of the rarest fifth of the classes (at least one "
    "class), averaged: how well their probabilities sort their rows to the top, whatever threshold is used later.",
    short="Tail AUPRC",
    source="Davis and Goadrich 2006, The relationship between precision-recall and ROC curves",
    places=("page", "terminal", "study"),
    value=_value,
    applies=lambda profile: profile.num_classes > 2,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

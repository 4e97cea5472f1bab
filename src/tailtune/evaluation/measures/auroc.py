"""AUROC of two classes: the ROC area of the class that is rarer in training."""

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored, rarer_class
from tailtune.evaluation.weighted import Statistic, roc_area


def _resampled(scored: Scored) -> Statistic | None:
    rare = rarer_class(scored.profile)
    if len(scored.present) < 2:
        return None
    return roc_area(scored.probabilities[:, rare], scored.targets == rare, scored.weights)


auroc = Measure(
    key="auroc",
    words="Ranking the rarer class above",
    term="AUROC",
    meaning="The area under the ROC curve: the chance that a row of the rarer class is given a higher probability of "
    "it than a row of the other class. A guess scores 0.5.",
    short="AUROC",
    source="Hanley and McNeil 1982, The meaning and use of the area under a ROC curve",
    everywhere=False,
    value=lambda scored: scored.roc_areas[rarer_class(scored.profile)],
    applies=lambda profile: profile.num_classes == 2,
    resampled=_resampled,
    least=0.0,
    most=1.0,
)

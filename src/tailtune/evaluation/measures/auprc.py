"""AUPRC of two classes: the average precision of the class that is rarer in training."""

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import rarer_class

auprc = Measure(
    key="auprc",
    words="Ranking the rarer class first",
    term="AUPRC",
    meaning="The area under the precision-recall curve: how well the probability of the rarer class sorts its rows to "
    "the top, whatever threshold is used later. A guess scores the class's share of the rows.",
    short="AUPRC",
    source="Davis and Goadrich 2006, The relationship between precision-recall and ROC curves",
    covers="macro_auprc",
    places=("page", "terminal", "study", "columns"),
    value=lambda scored: scored.average_precisions[rarer_class(scored.profile)],
    applies=lambda profile: profile.num_classes == 2,
    resampled=lambda scored: scored.average_precisions_of.get(rarer_class(scored.profile)),
    least=0.0,
    most=1.0,
)

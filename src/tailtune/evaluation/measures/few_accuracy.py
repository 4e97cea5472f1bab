"""Accuracy on the rows of classes with few training rows."""

from tailtune.evaluation.measure import Measure
from tailtune.profile import FEW

few_accuracy = Measure(
    key="few_accuracy",
    words="Right in small classes",
    term="accuracy on classes of few training rows",
    meaning="Of the test rows of classes with fewer than 20 training rows, the share that got the right class.",
    short="Few",
    source="Liu et al. 2019, Large-scale long-tailed recognition in an open world",
    classes=f"fewer than {FEW}",
    percent=True,
    places=("groups", "study", "columns"),
    value=lambda scored: scored.accuracy_of(scored.profile.few),
    resampled=lambda scored: scored.resampled_accuracy_of(scored.profile.few),
    least=0.0,
    most=1.0,
)
